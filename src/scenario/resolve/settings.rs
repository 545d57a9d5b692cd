//! `assay.yaml`.

use super::collect::Collector;
use crate::runtime::local::{PORT, SOCKET};
use crate::scenario::de::Typed;
use crate::scenario::field::{Field, Spanned};
use crate::scenario::source::{Place, Problem};
use crate::scenario::spec::{
    CredentialsSpec, HistorySpec, OneOrMany, RuntimeSpec, S3Section, ScratchSpec, SettingsSpec, StoreSection, TimeoutsSpec,
};
use crate::scenario::{Credentials, HistorySettings, RuntimeSettings, S3Spec, Settings, StoreSpec, Waits};
use std::path::{Path, PathBuf};
use std::time::Duration;

const SCENARIO_TIMEOUT: Duration = Duration::from_hours(2);
const CONNECT: Duration = Duration::from_secs(10);
const STALL: Duration = Duration::from_secs(30);
/// A year of nightly runs.
const HISTORY_KEEP: usize = 400;

/// What is known of the stores, for scenarios that name one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stores {
    /// There is no `assay.yaml`.
    NoFile,
    /// There is one, but its stores cannot be read; that is told already.
    Unreadable,
    /// The stores by name; none where a store is wrong, which is told already.
    Known {
        /// The file, as the user named it.
        file: PathBuf,
        /// Every store.
        stores: Vec<(String, Option<StoreSpec>)>,
    },
}

/// `assay.yaml`, resolved.
#[derive(Debug)]
pub struct ResolvedSettings {
    /// What it says.
    pub settings: Settings,
    /// Its stores, for scenarios.
    pub stores: Stores,
    /// The time limit of scenarios without one.
    pub scenario_timeout: Duration,
}

/// Resolves `assay.yaml` (`file`, as the user named it), or the defaults when there is none. `folder` is the absolute folder at
/// which relative paths start, `temporary` the folder for temporary files.
#[must_use]
pub fn settings(
    file: Option<PathBuf>,
    typed: Typed<SettingsSpec>,
    folder: &Path,
    temporary: &Path,
) -> (ResolvedSettings, Vec<Problem>) {
    let mut collect = Collector::new(typed.problems);
    let unreadable = typed.value.is_none();
    let spec = typed.value.unwrap_or_default();
    let timeouts = timeouts(spec.timeouts.value().unwrap_or_default(), &mut collect);
    let stores = match (&file, unreadable || matches!(spec.stores, Field::Bad)) {
        (_, true) => Stores::Unreadable,
        (None, false) => Stores::NoFile,
        (Some(file), false) => {
            let waits = Waits { connect: timeouts.connect, stall: timeouts.stall };
            Stores::Known { file: file.clone(), stores: stores(spec.stores, folder, waits, &mut collect) }
        }
    };
    let ScratchSpec { dir, max } = spec.scratch.value().unwrap_or_default();
    let scratch = path(dir, "dir", folder, &mut collect).unwrap_or_else(|| default_scratch(temporary));
    let reports = path(spec.reports.value().unwrap_or_default().dir, "dir", folder, &mut collect);
    let settings = Settings {
        file,
        stores: usable(&stores),
        runtime: RuntimeSettings {
            no_progress: timeouts.no_progress,
            ..runtime(spec.runtime.value().unwrap_or_default(), folder, &mut collect)
        },
        scratch,
        scratch_max: max.value().map(|bytes| bytes.0),
        reports: reports.unwrap_or_else(|| folder.join("reports").join("out")),
        history: history(spec.history.value().unwrap_or_default(), folder, &mut collect),
    };
    (ResolvedSettings { settings, stores, scenario_timeout: timeouts.scenario }, collect.into_problems())
}

/// Where restores happen unless something else is said. Each user has a folder of their own: what belongs to one cannot be
/// trusted by the other, and root's comes without a number because it is the one that runs see most.
#[must_use]
pub fn default_scratch(temporary: &Path) -> PathBuf {
    let user = rustix::process::geteuid();
    temporary.join(if user.is_root() { "assay".to_owned() } else { format!("assay-{}", user.as_raw()) })
}

fn usable(stores: &Stores) -> Vec<(String, StoreSpec)> {
    match stores {
        Stores::NoFile | Stores::Unreadable => Vec::new(),
        Stores::Known { stores, .. } => {
            stores.iter().filter_map(|(name, spec)| spec.clone().map(|spec| (name.clone(), spec))).collect()
        }
    }
}

struct Timeouts {
    scenario: Duration,
    connect: Duration,
    stall: Duration,
    no_progress: Option<Duration>,
}

fn timeouts(spec: TimeoutsSpec, collect: &mut Collector) -> Timeouts {
    Timeouts {
        scenario: collect.duration(spec.scenario, "scenario").unwrap_or(SCENARIO_TIMEOUT),
        connect: collect.duration(spec.connect, "connect").unwrap_or(CONNECT),
        stall: collect.duration(spec.stall, "stall").unwrap_or(STALL),
        no_progress: collect.duration(spec.no_progress, "no_progress"),
    }
}

fn path(field: Field<String>, key: &str, folder: &Path, collect: &mut Collector) -> Option<PathBuf> {
    collect.text(field, key).map(|path| folder.join(path.value))
}

fn stores(
    field: Field<crate::scenario::field::Named<StoreSection>>,
    folder: &Path,
    waits: Waits,
    collect: &mut Collector,
) -> Vec<(String, Option<StoreSpec>)> {
    let entries = field.value().map(|named| named.0).unwrap_or_default();
    let resolve = |(name, section): (Spanned<String>, Field<StoreSection>)| {
        let spec = section.value().and_then(|section| store(section, name.place, folder, waits, collect));
        let known = name.value.clone();
        let legal = collect.identifier(name, "store name").is_some();
        (known, spec.filter(|_| legal))
    };
    entries.into_iter().map(resolve).collect()
}

fn store(section: StoreSection, place: Place, folder: &Path, waits: Waits, collect: &mut Collector) -> Option<StoreSpec> {
    let credentials = section.credentials.is_there();
    match (section.s3, section.dir) {
        (Field::Absent, Field::Absent) => {
            let hint = "Write `s3: { bucket: NAME }` or `dir: PATH`.";
            collect.wrong(place, "the store is neither a bucket nor a folder", hint);
            None
        }
        (Field::Absent, dir) => {
            if credentials {
                collect.wrong(place, "a folder has no credentials", "Leave `credentials` out.");
            }
            path(dir, "dir", folder, collect).map(StoreSpec::Dir)
        }
        (s3, Field::Absent) => {
            let credentials = self::credentials(section.credentials, folder, collect);
            bucket(s3.given()?, credentials, folder, waits, collect).map(StoreSpec::S3)
        }
        _ => {
            collect.wrong(place, "the store is both a bucket and a folder", "Write two stores with names of their own.");
            None
        }
    }
}

fn bucket(
    section: Spanned<S3Section>,
    credentials: Option<Credentials>,
    folder: &Path,
    waits: Waits,
    collect: &mut Collector,
) -> Option<S3Spec> {
    let Spanned { value, place } = section;
    collect.require(value.bucket.as_ref(), place, "`s3`", "bucket");
    let bucket = collect.text(value.bucket, "bucket").and_then(|name| bucket_name(name, collect));
    let endpoint = collect.text(value.endpoint, "endpoint").and_then(|url| endpoint(url, collect));
    let region = collect.text(value.region, "region").map(|region| region.value);
    let prefix = value.prefix.given().map_or_else(String::new, |prefix| prefix_of(prefix, collect));
    let ca = path(value.ca, "ca", folder, collect);
    let path_style = value.path_style.value().unwrap_or_default();
    Some(S3Spec { bucket: bucket?, endpoint, region, path_style, prefix, ca, credentials: credentials?, waits })
}

fn bucket_name(name: Spanned<String>, collect: &mut Collector) -> Option<String> {
    if name.value.contains('/') {
        let hint = "Write the name alone. A folder inside of the bucket is its `prefix`.";
        collect.wrong(name.place, "a bucket's name has no slash", hint);
        return None;
    }
    Some(name.value)
}

fn endpoint(url: Spanned<String>, collect: &mut Collector) -> Option<String> {
    let host = url.value.strip_prefix("https://").or_else(|| url.value.strip_prefix("http://"));
    let host = host.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    match host {
        None => {
            let hint = format!("Write the whole URL, such as \"https://{}\".", url.value.trim_start_matches('/'));
            collect.wrong(url.place, "the endpoint has no scheme", hint);
        }
        Some("") => {
            let hint = "Write the whole URL, such as \"https://s3.example.net\".";
            collect.wrong(url.place, "the endpoint has no host", hint);
        }
        Some(host) if host.contains('@') => {
            let hint = "Write the URL without them and use `credentials`, which are references. If they are real, replace them.";
            collect.wrong(url.place, "the endpoint has a user or a password in it", hint);
        }
        Some(_) => return Some(url.value),
    }
    None
}

/// With its closing slash.
fn prefix_of(prefix: Spanned<String>, collect: &mut Collector) -> String {
    if prefix.value.starts_with('/') {
        let hint = format!("Keys start without one: write `{}`.", prefix.value.trim_start_matches('/'));
        collect.wrong(prefix.place, "the prefix starts with a slash", hint);
    }
    if prefix.value.is_empty() || prefix.value.ends_with('/') { prefix.value } else { format!("{}/", prefix.value) }
}

fn credentials(field: Field<CredentialsSpec>, folder: &Path, collect: &mut Collector) -> Option<Credentials> {
    let Spanned { value, place } = match field {
        Field::Absent => return Some(Credentials::Chain),
        Field::Bad => return None,
        Field::Given(section) => section,
    };
    let keys = [value.access_key_id.is_there(), value.secret_access_key.is_there(), value.session_token.is_there()];
    if value.profile.is_there() {
        if keys.contains(&true) {
            collect.wrong(place, "`credentials` has both a profile and keys", "Write one of the two.");
        }
        return collect.text(value.profile, "profile").map(|profile| Credentials::Profile(profile.value));
    }
    if keys == [false; 3] {
        let hint = "Write `access_key_id` and `secret_access_key`, or `profile`; or leave `credentials` out for the AWS SDK's own chain.";
        collect.wrong(place, "`credentials` is empty", hint);
        return None;
    }
    collect.require(value.access_key_id.as_ref(), place, "`credentials`", "access_key_id");
    collect.require(value.secret_access_key.as_ref(), place, "`credentials`", "secret_access_key");
    let access_key_id = collect.secret(value.access_key_id, folder);
    let secret_access_key = collect.secret(value.secret_access_key, folder);
    let session_token = collect.secret(value.session_token, folder);
    Some(Credentials::Keys { access_key_id: access_key_id?, secret_access_key: secret_access_key?, session_token })
}

fn runtime(spec: RuntimeSpec, folder: &Path, collect: &mut Collector) -> RuntimeSettings {
    let local = spec.local.value().unwrap_or_default();
    let mongodb = local.mongodb.value().unwrap_or_default();
    RuntimeSettings {
        cpus: spec.cpus.given().and_then(|cpus| processors(&cpus, collect)),
        memory: spec.memory.value().map(|bytes| bytes.0),
        postgres_bin: folders(local.postgres.value().unwrap_or_default().bin, "/usr/lib/postgresql/17/bin", folder, collect),
        mongodb_bin: folders(mongodb.bin, "/opt/mongodb/bin", folder, collect),
        mongodb_command: collect.text(mongodb.command, "command").and_then(|line| command_line(line, collect)),
        user: collect.text(local.user, "user").map(|user| user.value),
        no_progress: None,
    }
}

/// Folders with an engine's programs.
fn folders(bin: Field<OneOrMany>, example: &str, folder: &Path, collect: &mut Collector) -> Vec<PathBuf> {
    let Some(bin) = bin.given() else { return Vec::new() };
    if bin.value.0.is_empty() || bin.value.0.iter().any(String::is_empty) {
        collect.wrong(bin.place, "`bin` is empty", format!("Write a folder, such as {example}, or leave the key out."));
    }
    bin.value.0.iter().map(|path| folder.join(path)).collect()
}

/// A server that does not know where to listen cannot be reached.
fn command_line(line: Spanned<String>, collect: &mut Collector) -> Option<String> {
    if line.value.contains(SOCKET) || line.value.contains(PORT) {
        return Some(line.value);
    }
    let hint = format!("Write {SOCKET} where it takes the path of a Unix socket, or {PORT} where it takes a port on 127.0.0.1.");
    collect.wrong(line.place, format!("`command` has neither {SOCKET} nor {PORT}"), hint);
    None
}

fn history(spec: HistorySpec, folder: &Path, collect: &mut Collector) -> HistorySettings {
    let dir = path(spec.dir, "dir", folder, collect).unwrap_or_else(|| folder.join("reports").join("history"));
    let keep = spec.keep.given();
    if let Some(keep) = keep.as_ref().filter(|keep| !(1..=1_000_000).contains(&keep.value)) {
        collect.wrong(keep.place, format!("`keep` is {}", keep.value), "Write a number from 1 to 1000000, or leave the key out.");
    }
    let keep = keep.and_then(|keep| usize::try_from(keep.value).ok()).unwrap_or(HISTORY_KEEP);
    HistorySettings { dir, keep }
}

fn processors(cpus: &Spanned<u64>, collect: &mut Collector) -> Option<usize> {
    if !(1..=4096).contains(&cpus.value) {
        collect.wrong(cpus.place, format!("`cpus` is {}", cpus.value), "Write a number from 1 to 4096, or leave the key out.");
    }
    usize::try_from(cpus.value).ok()
}
