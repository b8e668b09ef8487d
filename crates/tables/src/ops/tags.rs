//! TagResource, UntagResource, ListTagsOfResource.

use super::found;
use crate::command::{AddTags, Command, RemoveTags};
use crate::error::Error;
use crate::schema::{Tags, check_count, check_tags};
use crate::scope::Scope;
use crate::tables::Tables;

/// Adds or overwrites tags.
///
/// # Errors
/// There is no such table, tags that are wrong, or too many.
pub fn tag_resource(
    tables: &Tables,
    scope: &Scope,
    resource_arn: &str,
    tags: &[(String, String)],
) -> Result<(Command, ()), Error> {
    let tags = check_tags(tags)?;
    let schema = found::of_arn(tables, scope, resource_arn)?.schema();
    let mut all = schema.tags.clone();
    all.extend(tags.clone());
    check_count(&all)?;
    Ok((Command::AddTags(AddTags { table: schema.number, tags }), ()))
}

/// Removes tags. Those that are not there are no error.
///
/// # Errors
/// There is no such table.
pub fn untag_resource(
    tables: &Tables,
    scope: &Scope,
    resource_arn: &str,
    tag_keys: Vec<String>,
) -> Result<(Command, ()), Error> {
    let table = found::of_arn(tables, scope, resource_arn)?.schema().number;
    Ok((Command::RemoveTags(RemoveTags { table, keys: tag_keys }), ()))
}

/// All tags of a table: they fit into one answer.
///
/// # Errors
/// There is no such table.
pub fn list_tags_of_resource(
    tables: &Tables,
    scope: &Scope,
    resource_arn: &str,
) -> Result<Tags, Error> {
    Ok(found::of_arn(tables, scope, resource_arn)?.schema().tags.clone())
}
