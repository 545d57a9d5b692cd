//! `live`: the live system behind a backup.

use super::collect::Collector;
use crate::scenario::field::{Field, Spanned};
use crate::scenario::source::Place;
use crate::scenario::spec::{
    CloudflareSection, CountsSpec, DopplerSection, LiveMongodbSection, LivePostgresSection, LiveSection,
};
use crate::scenario::{Counts, LiveMongodb, LivePostgres, LiveSpec, SubjectSpec};
use crate::subject::dns_zone::live::{self as cloudflare, LiveZone};
use crate::subject::secrets::live::{self as doppler, LiveSecrets};
use reqwest::Url;
use std::path::{Path, PathBuf};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_mins(1);

/// Keeps apart whether the key is there: a wrong one is told once.
pub fn live(field: Field<LiveSection>, root: Place, folder: &Path, collect: &mut Collector) -> Field<LiveSpec> {
    let Spanned { value: section, place } = match field {
        Field::Absent => return Field::Absent,
        Field::Bad => return Field::Bad,
        Field::Given(section) => section,
    };
    let place = if place == Place::default() { root } else { place };
    let LiveSection { cloudflare, doppler, mongodb, postgres } = section;
    let there = [cloudflare.is_there(), doppler.is_there(), mongodb.is_there(), postgres.is_there()];
    let there = there.iter().filter(|there| **there).count();
    if there != 1 {
        let message = if there == 0 { "`live` names no system" } else { "`live` names more than one system" };
        collect.wrong(
            place,
            message,
            "Write one of `cloudflare`, `doppler`, `mongodb` and `postgres`, as the scenario's subject needs it.",
        );
        return Field::Bad;
    }
    let cloudflare = cloudflare.given().map(|Spanned { value, place }| Spanned {
        value: self::cloudflare(value, place, folder, collect).map(LiveSpec::Cloudflare),
        place,
    });
    let doppler = doppler.given().map(|Spanned { value, place }| Spanned {
        value: self::doppler(value, place, folder, collect).map(LiveSpec::Doppler),
        place,
    });
    let mongodb = mongodb.given().map(|Spanned { value, place }| Spanned {
        value: self::mongodb(value, place, folder, collect).map(LiveSpec::Mongodb),
        place,
    });
    let postgres = postgres.given().map(|Spanned { value, place }| Spanned {
        value: self::postgres(value, place, folder, collect).map(LiveSpec::Postgres),
        place,
    });
    match cloudflare.or(doppler).or(mongodb).or(postgres) {
        Some(Spanned { value: Some(value), place }) => Field::Given(Spanned { value, place }),
        _ => Field::Bad,
    }
}

/// A live system of another kind than the backup compares with nothing.
pub fn fits(live: &Field<LiveSpec>, subject: &SubjectSpec, collect: &mut Collector) {
    let Field::Given(Spanned { value, place }) = live else { return };
    let (subject, needed) = match subject {
        SubjectSpec::Postgres(_) => ("postgres", "postgres"),
        SubjectSpec::Mongodb(_) => ("mongodb", "mongodb"),
        SubjectSpec::DnsZone(_) => ("dns_zone", "cloudflare"),
        SubjectSpec::Secrets(_) => ("secrets", "doppler"),
    };
    let is = match value {
        LiveSpec::Postgres(_) => "postgres",
        LiveSpec::Mongodb(_) => "mongodb",
        LiveSpec::Cloudflare(_) => "cloudflare",
        LiveSpec::Doppler(_) => "doppler",
    };
    if is != needed {
        let message = format!("`{subject}` cannot be compared with `{is}`");
        collect.wrong(*place, message, format!("Write `live: {{ {needed}: ... }}`, or leave it out."));
    }
}

fn cloudflare(section: CloudflareSection, place: Place, folder: &Path, collect: &mut Collector) -> Option<LiveZone> {
    let zone_id = collect.require(section.zone_id, place, "`cloudflare`", "zone_id").and_then(|id| zone_id(&id, collect));
    collect.require(section.token.as_ref(), place, "`cloudflare`", "token");
    let token = collect.secret(section.token, folder);
    let (api, ca) = (api(section.api, cloudflare::API, collect), ca(section.ca, folder, collect));
    Some(LiveZone { zone_id: zone_id?, token: token?, api: api?, ca })
}

/// It becomes part of a path.
fn zone_id(id: &Spanned<String>, collect: &mut Collector) -> Option<String> {
    if id.value.len() == 32 && id.value.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Some(id.value.to_ascii_lowercase());
    }
    let hint = "Copy it from the zone's overview: 32 digits and letters from a to f. It is not the domain's name, and no secret.";
    collect.wrong(id.place, "this is not the id of a zone", hint);
    None
}

fn doppler(section: DopplerSection, place: Place, folder: &Path, collect: &mut Collector) -> Option<LiveSecrets> {
    collect.require(section.token.as_ref(), place, "`doppler`", "token");
    let token = collect.secret(section.token, folder);
    let project = collect.text(section.project, "project").map(|text| text.value);
    let config = collect.text(section.config, "config").map(|text| text.value);
    let values = section.values.value().unwrap_or_default();
    let (api, ca) = (api(section.api, doppler::API, collect), ca(section.ca, folder, collect));
    Some(LiveSecrets { token: token?, project, config, values, api: api?, ca })
}

/// The address of an API, without a slash at its end. A token never goes over a network in the clear.
fn api(field: Field<String>, usual: &str, collect: &mut Collector) -> Option<String> {
    if !field.is_there() {
        return Some(usual.to_owned());
    }
    let api = collect.text(field, "api")?;
    let hint = format!("Write it like {usual}, or leave it out.");
    let url = Url::parse(&api.value).ok().filter(|url| url.has_host() && matches!(url.scheme(), "http" | "https"));
    let Some(url) = url else {
        collect.wrong(api.place, "the API's address is no URL", hint);
        return None;
    };
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        collect.wrong(api.place, "the API's address has more than a host and a path", hint);
        return None;
    }
    if url.scheme() == "http" && !is_loopback(&url) {
        collect.wrong(api.place, "the token would go over the network in the clear", "Write https:// instead of http://.");
        return None;
    }
    Some(url.as_str().trim_end_matches('/').to_owned())
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    address.map_or(host == "localhost", |address| address.is_loopback())
}

fn ca(field: Field<String>, folder: &Path, collect: &mut Collector) -> Option<PathBuf> {
    collect.text(field, "ca").map(|path| folder.join(path.value))
}

fn postgres(section: LivePostgresSection, place: Place, folder: &Path, collect: &mut Collector) -> Option<LivePostgres> {
    collect.require(section.url.as_ref(), place, "`postgres`", "url");
    let url = collect.secret(section.url, folder);
    let ca = ca(section.ca, folder, collect);
    let counts = counts(section.counts);
    let timeout = collect.duration(section.timeout, "timeout").unwrap_or(TIMEOUT);
    let entries = section.older_than_backup.value().map(|named| named.0).unwrap_or_default();
    let older_than_backup =
        entries.into_iter().filter_map(|(table, column)| time_field(&table, column, ("schema", "public"), collect)).collect();
    Some(LivePostgres { url: url?, ca, counts, timeout, older_than_backup })
}

fn mongodb(section: LiveMongodbSection, place: Place, folder: &Path, collect: &mut Collector) -> Option<LiveMongodb> {
    collect.require(section.url.as_ref(), place, "`mongodb`", "url");
    let url = collect.secret(section.url, folder);
    let counts = counts(section.counts);
    let timeout = collect.duration(section.timeout, "timeout").unwrap_or(TIMEOUT);
    let entries = section.older_than_backup.value().map(|named| named.0).unwrap_or_default();
    let time_field = |(collection, field)| time_field(&collection, field, ("database", "shop"), collect);
    let older_than_backup = entries.into_iter().filter_map(time_field).collect();
    Some(LiveMongodb { url: url?, counts, timeout, older_than_backup })
}

fn counts(field: Field<CountsSpec>) -> Counts {
    match field.value() {
        Some(CountsSpec::Exact) | None => Counts::Exact,
        Some(CountsSpec::Estimated) => Counts::Estimated,
    }
}

/// A group's full name and its time field. `holder`: what stands before the name's dot, and an example of it.
fn time_field(
    group: &Spanned<String>,
    field: Field<String>,
    (holder, example): (&str, &str),
    collect: &mut Collector,
) -> Option<(String, String)> {
    if !group.value.contains('.') {
        let hint = format!("Write the full name, such as {example}.{}.", group.value);
        collect.wrong(group.place, format!("`{}` has no {holder}", group.value), hint);
    }
    collect.text(field, &group.value).map(|field| (group.value.clone(), field.value))
}
