//! Subjects that are exports of somebody else's API.

use super::collect::Collector;
use crate::scenario::SubjectSpec;
use crate::scenario::field::{Field, Spanned};
use crate::scenario::spec::{DnsZoneSection, SecretsSection};
use crate::subject::dns_zone::DnsZoneSpec;
use crate::subject::secrets::SecretsSpec;

/// With whether an empty restore is fine: an export without a record is none.
pub fn dns_zone(section: DnsZoneSection, collect: &mut Collector) -> (SubjectSpec, bool) {
    let zone = collect.text(section.zone, "zone").and_then(|zone| zone_name(&zone, collect));
    (SubjectSpec::DnsZone(DnsZoneSpec { zone }), false)
}

fn zone_name(zone: &Spanned<String>, collect: &mut Collector) -> Option<String> {
    let legal = |label: &str| {
        !label.is_empty() && label.len() <= 63 && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let name = zone.value.strip_suffix('.').unwrap_or(&zone.value);
    if name.len() > 253 || !name.split('.').all(legal) {
        let hint =
            "Write the domain's name alone, such as example.net. Names with other letters have a form that begins with xn--.";
        collect.wrong(zone.place, "this is not the name of a zone", hint);
        return None;
    }
    Some(name.to_lowercase())
}

/// With whether an empty restore is fine.
pub fn secrets(section: SecretsSection, collect: &mut Collector) -> (SubjectSpec, bool) {
    let keys = list(section.keys, "keys", collect);
    let placeholders = list(section.placeholders, "placeholders", collect);
    (SubjectSpec::Secrets(SecretsSpec { keys, placeholders }), false)
}

fn list(field: Field<Vec<Field<String>>>, key: &str, collect: &mut Collector) -> Vec<String> {
    let items = field.value().unwrap_or_default();
    items.into_iter().filter_map(|item| collect.text(item, key)).map(|item| item.value).collect()
}
