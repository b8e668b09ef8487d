//! The figures as Markdown, and what to doubt about them.

use std::fmt::Write;

use serde::Serialize;

use crate::bench::footprint::Footprint;
use crate::bench::load::{Comparison, Contender, SyncBandwidth};
use crate::bench::machine::{self, Machine, Memory};

/// From this share of a processor on, the generator (one thread) is taken to be the limit.
const GENERATOR_BUSY: f64 = 0.9;
/// From this many processors on, what else runs is taken to disturb.
const OTHERS_BUSY: f64 = 0.25;

/// All figures of a run. Field names are the keys of the JSON file.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) load_average_after: String,
    pub(crate) versions: Vec<String>,
    pub(crate) quick: bool,
    pub(crate) disk: Vec<SyncBandwidth>,
    pub(crate) throughput: Vec<Comparison>,
    pub(crate) footprint: Vec<Footprint>,
}

impl Report {
    pub(crate) fn begin(machine: Machine, versions: Vec<String>, quick: bool) -> Self {
        Self {
            machine,
            load_average_after: machine::load_average(),
            versions,
            quick,
            disk: Vec::new(),
            throughput: Vec::new(),
            footprint: Vec::new(),
        }
    }

    pub(crate) fn to_markdown(&self) -> String {
        let mut text = String::new();
        self.write_machine(&mut text);
        self.write_disk(&mut text);
        self.write_throughput(&mut text);
        self.write_footprint(&mut text);
        self.write_commands(&mut text);
        text
    }

    fn write_machine(&self, text: &mut String) {
        let machine = &self.machine;
        if self.quick {
            text.push_str("**A quick run: these figures mean little.**\n\n");
        }
        line(text, &format!("- {} × {}", machine.cores, machine.processor));
        line(text, &format!("- {} MiB of memory, Linux {}", machine.memory_mib, machine.kernel));
        line(text, &format!("- data on {}", machine.file_system));
        line(text, &format!("- {}", self.versions.join(", ")));
        line(
            text,
            &format!(
                "- load average {} before, {} after (this run's own load is in it)",
                machine.load_average, self.load_average_after
            ),
        );
    }

    fn write_disk(&self, text: &mut String) {
        if self.disk.is_empty() {
            return;
        }
        line(text, "\n| sequential write + fdatasync | file | MiB/s | syncs/s | slowest |");
        line(text, "|---|---|--:|--:|--:|");
        for row in &self.disk {
            line(
                text,
                &format!(
                    "| {} KiB | {} | {:.0} | {:.0} | {:.1} ms |",
                    row.block_bytes / 1024,
                    row.file,
                    row.mib_per_s,
                    row.syncs_per_s,
                    row.slowest_ms
                ),
            );
        }
    }

    fn write_throughput(&self, text: &mut String) {
        if self.throughput.is_empty() {
            return;
        }
        line(
            text,
            "\n| load | server | records/s | MiB/s | CPU s per 10⁶ records | records per CPU s | \
             p50 | p99 | peak memory | CPUs: server, generator, others (worst) | errors |",
        );
        line(text, "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
        for comparison in &self.throughput {
            for row in &comparison.contenders {
                line(text, &contender_row(&comparison.case, row));
            }
        }
        line(text, "\n| ratio | load | records/s | records per CPU s |");
        line(text, "|---|---|--:|--:|");
        for comparison in &self.throughput {
            let (first, others) = comparison.contenders.split_first().expect("at least ours");
            for other in others {
                line(
                    text,
                    &format!(
                        "| {} ÷ {} | {} | {:.2} | {:.2} |",
                        first.name,
                        other.name,
                        comparison.case,
                        first.records_per_s / other.records_per_s,
                        first.records_per_cpu_s / other.records_per_cpu_s
                    ),
                );
            }
        }
        line(text, "");
        for doubt in doubts(&self.throughput) {
            line(text, &format!("- {doubt}"));
        }
    }

    fn write_footprint(&self, text: &mut String) {
        if self.footprint.is_empty() {
            return;
        }
        let names: Vec<&str> = self.footprint.iter().map(|one| one.name).collect();
        line(text, &format!("\n| | {} |", names.join(" | ")));
        line(text, &format!("|---|{}", "--:|".repeat(names.len())));
        let mut row = |name: String, value: &dyn Fn(&Footprint) -> String| {
            let values: Vec<String> = self.footprint.iter().map(value).collect();
            line(text, &format!("| {name} | {} |", values.join(" | ")));
        };
        let first = &self.footprint[0];
        row(format!("exec to first answer, median of {}", first.starts_ms.len()), &|one| {
            format!("{:.1} ms", one.start_ms)
        });
        row("slowest of them".to_owned(), &|one| {
            format!("{:.1} ms", one.starts_ms.iter().copied().fold(0.0, f64::max))
        });
        row("idle: resident (anonymous)".to_owned(), &|one| memory(one.idle));
        row(format!("with {} idle shards", first.shards), &|one| memory(one.with_shards));
        row("for each shard".to_owned(), &|one| {
            each(one.idle, one.with_shards, f64::from(one.shards))
        });
        row(format!("with {} idle connections", first.connections), &|one| {
            memory(one.with_connections)
        });
        row("after one request on each".to_owned(), &|one| memory(one.with_used_connections));
        row("for each used connection".to_owned(), &|one| {
            each(one.idle, one.with_used_connections, one.connections as f64)
        });
        for recovery in self.footprint.iter().filter_map(|one| one.recovery.as_ref()) {
            line(
                text,
                &format!(
                    "\nRecovery after `kill -9`, {:.2} GiB of journal with {} records: {:.0} ms \
                     from exec to the first answer with the journal in the page cache, {:.0} ms \
                     without; then {:.0} MiB resident.",
                    recovery.journal_bytes as f64 / f64::from(1 << 30),
                    recovery.records,
                    recovery.warm_ms,
                    recovery.cold_ms,
                    mib(recovery.resident)
                ),
            );
        }
    }

    /// Each command line once.
    fn write_commands(&self, text: &mut String) {
        let mut lines: Vec<&str> = Vec::new();
        for row in self.throughput.iter().flat_map(|comparison| &comparison.contenders) {
            for command in [&row.server_command, &row.load_command] {
                if !lines.contains(&command.as_str()) {
                    lines.push(command);
                }
            }
        }
        if !lines.is_empty() {
            lines.sort_unstable();
            let _ = write!(text, "\n```text\n{}\n```\n", lines.join("\n"));
        }
    }
}

fn line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

fn contender_row(case: &str, row: &Contender) -> String {
    format!(
        "| {case} | {} | {:.0} | {:.0} | {:.2} | {:.0} | {:.2} ms | {:.2} ms | {:.0} MiB | \
         {:.2}, {:.2}, {:.2} | {} |",
        row.name,
        row.records_per_s,
        row.mib_per_s,
        row.cpu_s_per_million,
        row.records_per_cpu_s,
        row.p50_ms,
        row.p99_ms,
        row.peak_mib,
        row.server_cpus,
        row.client_cpus,
        row.other_cpus_worst,
        row.errors
    )
}

/// What keeps figures from meaning what they seem to.
fn doubts(comparisons: &[Comparison]) -> Vec<String> {
    let mut doubts = Vec::new();
    let mut others = Vec::new();
    for comparison in comparisons {
        for row in &comparison.contenders {
            let whose = format!("{}, {}", comparison.case, row.name);
            if row.errors > 0 {
                doubts.push(format!("{whose}: {} errors, the figure is void", row.errors));
            }
            if row.client_cpus >= GENERATOR_BUSY {
                doubts.push(format!(
                    "{whose}: the generator was busy {:.0} % of the time; the server may be faster",
                    row.client_cpus * 100.0
                ));
            }
            if row.other_cpus_worst >= OTHERS_BUSY {
                others.push(row.other_cpus_worst);
            }
        }
    }
    if let Some(worst) = others.iter().copied().max_by(f64::total_cmp) {
        doubts.push(format!(
            "{} rows had a round in which other processes, the kernel's included, kept {OTHERS_BUSY} \
             or more processors busy; {worst:.2} at worst",
            others.len()
        ));
    }
    doubts
}

fn memory(memory: Memory) -> String {
    format!("{:.1} MiB ({:.1})", mib(memory.resident), mib(memory.anonymous))
}

fn each(without: Memory, with: Memory, count: f64) -> String {
    let more = with.resident.saturating_sub(without.resident);
    format!("{:.2} KiB", more as f64 / 1024.0 / count)
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contender(name: &'static str, records_per_s: f64, client_cpus: f64) -> Contender {
        Contender {
            name,
            server_command: "anabranch serve".to_owned(),
            load_command: "anabranch bench".to_owned(),
            records_per_s,
            mib_per_s: 1.0,
            records_per_cpu_s: records_per_s,
            cpu_s_per_million: 1.0,
            p50_ms: 1.0,
            p99_ms: 2.0,
            peak_mib: 3.0,
            server_cpus: 0.5,
            client_cpus,
            other_cpus_worst: 0.0,
            errors: 0,
            rounds: Vec::new(),
        }
    }

    fn report(contenders: Vec<Contender>) -> Report {
        let machine = Machine {
            processor: "P".to_owned(),
            cores: 2,
            memory_mib: 1,
            kernel: "6".to_owned(),
            file_system: "ext4".to_owned(),
            load_average: "0 0 0".to_owned(),
        };
        let mut report = Report::begin(machine, vec!["anabranch 1".to_owned()], false);
        report.throughput = vec![Comparison { case: "C".to_owned(), contenders }];
        report
    }

    #[test]
    fn compares_everything_with_the_first() {
        let contenders = vec![contender("ours", 300.0, 0.5), contender("theirs", 100.0, 0.5)];
        let text = report(contenders).to_markdown();
        assert!(text.contains("| ours ÷ theirs | C | 3.00 | 3.00 |"), "{text}");
        assert!(text.contains("```text\nanabranch bench\nanabranch serve\n```"), "{text}");
        assert!(!text.contains("generator was busy"), "{text}");
    }

    #[test]
    fn says_what_to_doubt() {
        let mut void = contender("theirs", 1.0, 0.95);
        void.errors = 7;
        void.other_cpus_worst = 0.5;
        let text = report(vec![void]).to_markdown();
        for expected in ["7 errors, the figure is void", "busy 95 %", "0.50 at worst"] {
            assert!(text.contains(expected), "{expected} is missing in\n{text}");
        }
    }
}
