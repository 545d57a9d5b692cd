//! Subjects that are exports of somebody else's API.

use crate::scenario::field::Field;
use schemars::JsonSchema;
use serde::Deserialize;

/// What the export of a DNS zone must be.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "DnsZone")]
pub struct DnsZoneSection {
    /// The zone's name, such as `example.net`. An export of another zone is a bad backup; any will do when left out.
    #[schemars(length(min = 1))]
    pub zone: Field<String>,
}

/// What must be in an export of secrets.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "Secrets")]
pub struct SecretsSection {
    /// Names that must be there, each with a value that is neither empty nor a placeholder.
    pub keys: Field<Vec<Field<String>>>,
    /// Values that stand for none, besides the usual ones such as `changeme`. Never write a real secret here.
    pub placeholders: Field<Vec<Field<String>>>,
}
