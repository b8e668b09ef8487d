//! Compares what we implement with botocore's newest models of the services.
//!
//! Ours is what `anabranch schema` prints, so that the comparison sees the tables that the server
//! really decodes and checks with. Differences that are meant stand in `drift-exceptions.toml`,
//! each with its reason; one that excuses nothing any more fails the check too.

mod compare;
mod exceptions;
mod schema;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::tools::{Project, capture};

/// Prints the model of a service (`kinesis/2013-12-02`) that the installed botocore carries.
const PRINT_MODEL: &str = "
import gzip, os, sys, botocore
folder = os.path.join(os.path.dirname(botocore.__file__), 'data', *sys.argv[1].split('/'))
with gzip.open(os.path.join(folder, 'service-2.json.gz')) as model:
    sys.stdout.buffer.write(model.read())
";

/// Fails on every difference that is not excused.
pub(crate) fn run(project: &Project) -> Result<()> {
    let python = project.python()?;
    let ours = schema::from_ours(&capture(Command::new(project.server_binary()).arg("schema"))?)?;
    let exceptions = read_exceptions(&project.root.join("xtask/drift-exceptions.toml"))?;
    let mut differences = Vec::new();
    for (service, ours) in &ours {
        let model = capture(Command::new(&python).args(["-c", PRINT_MODEL, service]))?;
        let model: Value = serde_json::from_slice(&model)
            .with_context(|| format!("cannot read botocore's model of {service}"))?;
        let theirs = schema::from_botocore(&model)?;
        let name = service.split('/').next().unwrap_or(service);
        let mut found = compare::compare(&theirs, ours);
        found.iter_mut().for_each(|found| found.path = format!("{name}.{}", found.path));
        let supported = ours.values().filter(|operation| operation.is_some()).count();
        println!(
            "drift: {service}: {supported} of {} operations compared; {} differences",
            theirs.len(),
            found.len()
        );
        differences.extend(found);
    }
    let (unexcused, unused) = exceptions::apply(&differences, &exceptions);
    for difference in &unexcused {
        println!("{}: {}: {}", difference.path, difference.kind, difference.detail);
    }
    for exception in &unused {
        println!("{}: exception for {} is not needed", exception.path, exception.difference);
    }
    println!("drift: {} of the differences are meant", differences.len() - unexcused.len());
    if !unexcused.is_empty() || !unused.is_empty() {
        bail!("{} differences, {} unused exceptions", unexcused.len(), unused.len());
    }
    Ok(())
}

fn read_exceptions(path: &Path) -> Result<Vec<exceptions::Exception>> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    exceptions::parse(&text)
}
