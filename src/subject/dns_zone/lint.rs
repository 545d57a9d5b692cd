//! What an emergency would trip over: records that were fine at Cloudflare and are not on an ordinary name server. Warnings, not
//! failures: the backup is what the zone was.

use super::record::{ZoneRecord, host};
use std::collections::{BTreeMap, BTreeSet};

/// What was found, one line each.
pub(super) fn lint(zone: &str, records: &[ZoneRecord]) -> Vec<String> {
    let mut kinds: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for record in records {
        kinds.entry(&record.name).or_default().insert(&record.kind);
    }
    let mut lines = Vec::new();
    for (name, kinds) in &kinds {
        let others: Vec<&str> = kinds.iter().copied().filter(|kind| *kind != "CNAME").collect();
        if !kinds.contains("CNAME") {
            continue;
        }
        if *name == zone {
            lines.push(format!("{name} is a CNAME: Cloudflare flattens it, other servers cannot serve it beside the SOA"));
        } else if !others.is_empty() {
            lines.push(format!("{name} has a CNAME and also {}", others.join(", ")));
        }
    }
    lines.extend(records.iter().filter_map(|record| dangling(record, zone, &kinds)));
    lines
}

/// How many records have Cloudflare's "automatic" time to live, 1. Anywhere else it is one second.
pub(super) fn automatic(records: &[ZoneRecord]) -> usize {
    records.iter().filter(|record| record.ttl == 1).count()
}

/// The host that a record leads to is in this zone and has no address there.
fn dangling(record: &ZoneRecord, zone: &str, kinds: &BTreeMap<&str, BTreeSet<&str>>) -> Option<String> {
    let target = match record.kind.as_str() {
        "CNAME" => record.content.as_str(),
        "MX" => record.content.split(' ').nth(1)?,
        _ => return None,
    };
    let target = host(target);
    // A null MX (RFC 7505) leads nowhere on purpose.
    if target.is_empty() || !is_within(&target, zone) || exists(&target, zone, kinds) {
        return None;
    }
    Some(format!("{} {} leads to {target}, which the zone does not have", record.kind, record.name))
}

/// Whether an ordinary server has an answer for a name: a record, a wildcard above it, or another server to refer to.
fn exists(name: &str, zone: &str, kinds: &BTreeMap<&str, BTreeSet<&str>>) -> bool {
    let mut above = name;
    while !kinds.contains_key(above) {
        // The wildcard counts only beside the closest name that is there (RFC 4592); that is the next one up that has any records.
        match above.split_once('.').filter(|(_, rest)| is_within(rest, zone)) {
            Some((_, rest)) if kinds.contains_key(format!("*.{rest}").as_str()) => return true,
            Some((_, rest)) => above = rest,
            None => return false,
        }
    }
    above == name || delegated(above, zone, kinds)
}

/// A part of the zone that another server answers for.
fn delegated(name: &str, zone: &str, kinds: &BTreeMap<&str, BTreeSet<&str>>) -> bool {
    name != zone && kinds.get(name).is_some_and(|kinds| kinds.contains("NS"))
}

/// Whether a name is the zone or lies below it.
pub(super) fn is_within(name: &str, zone: &str) -> bool {
    name == zone || name.strip_suffix(zone).is_some_and(|above| above.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lint(records: &[(&str, &str, &str, u32)]) -> Vec<String> {
        let record = |(name, kind, value, ttl): &(&str, &str, &str, u32)| {
            ZoneRecord::new(name, kind, *ttl, &value.split(' ').map(str::to_owned).collect::<Vec<_>>())
        };
        super::lint("example.com", &records.iter().map(record).collect::<Vec<_>>())
    }

    #[test]
    fn each_trap_and_its_healthy_twin() {
        for (trap, twin, words) in [
            (
                ("example.com", "CNAME", "a.example.net.", 300),
                ("www.example.com", "CNAME", "a.example.net.", 300),
                "Cloudflare flattens",
            ),
            (
                ("a.example.com", "CNAME", "x.example.net.", 300),
                ("b.example.com", "CNAME", "x.example.net.", 300),
                "has a CNAME and also A",
            ),
            (
                ("example.com", "MX", "10 mx.example.com.", 300),
                ("example.com", "MX", "10 a.example.com.", 300),
                "MX example.com leads to mx",
            ),
            (
                ("c.example.com", "CNAME", "old.example.com.", 60),
                ("c.example.com", "CNAME", "x.sub.example.com.", 60),
                "CNAME c.example.com leads",
            ),
            (
                ("c.example.com", "CNAME", "x.y.example.com.", 60),
                ("c.example.com", "CNAME", "x.w.example.com.", 60),
                "which the zone does not",
            ),
        ] {
            let rest = [
                ("a.example.com", "A", "192.0.2.1", 300),
                ("sub.example.com", "NS", "ns.example.net.", 300),
                ("*.w.example.com", "A", "192.0.2.3", 300),
                ("example.com", "MX", "0 .", 300),
            ];
            let found = lint(&[&rest[..], &[trap]].concat());
            assert!(found.len() == 1 && found[0].contains(words), "{trap:?}: {found:?}");
            assert_eq!(lint(&[&rest[..], &[twin]].concat()), Vec::<String>::new(), "{twin:?}");
        }
    }
}
