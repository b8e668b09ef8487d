//! ProjectionExpression.

use super::names;
use crate::expression::placeholders::Placeholders;
use crate::expression::projection::Projection;
use crate::expression::syntax;
use crate::invalid::Problem;

pub(in crate::expression) fn projection(
    text: &str,
    placeholders: &mut Placeholders,
) -> Result<Projection, Problem> {
    let raw = syntax::paths(text)?.tree;
    raw.iter().try_for_each(names::check_reserved)?;
    let paths = raw.iter().map(|raw| names::path(raw, placeholders));
    let paths = paths.collect::<Result<Vec<_>, Problem>>()?;
    names::check_overlap(&paths.iter().collect::<Vec<_>>())?;
    Ok(Projection::new(paths))
}
