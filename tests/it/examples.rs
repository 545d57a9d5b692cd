//! The examples are documentation that is tested: they load, the schema takes them, and they show everything.

use crate::golden::documents;
use assay::open::{AgeKey, Kdf, Layer};
use assay::scenario::load::{Loaded, Request, load};
use assay::scenario::schema::{scenario_schema, settings_schema};
use assay::scenario::{CheckKind, Credentials, Question, Scenario, StoreSpec, SubjectSpec};
use assay::secret::SecretRef;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

fn request(cwd: &Path) -> Request {
    Request { paths: Vec::new(), config: None, cwd: cwd.to_path_buf() }
}

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/examples")
}

#[test]
fn the_examples_load_and_their_schema_takes_them() {
    let loaded = loaded();
    let names: Vec<&str> = loaded.scenarios.iter().map(|s| s.name.as_str()).collect();
    for name in ["first", "shop", "encrypted-by-openssl", "encrypted-by-age", "picked-from-an-archive", "own-time-format"] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    let scenario = jsonschema::validator_for(&scenario_schema()).expect("a schema");
    let settings = jsonschema::validator_for(&settings_schema()).expect("a schema");
    for entry in fs::read_dir(examples()).expect("examples") {
        let path = entry.expect("an entry").path();
        let validator = if path.ends_with("assay.yaml") { &settings } else { &scenario };
        for document in documents(&path) {
            let errors: Vec<String> = validator.iter_errors(&document).map(|e| format!("{}: {e}", e.instance_path)).collect();
            assert!(errors.is_empty(), "{}: {errors:?}", path.display());
        }
    }
}

/// The keys of every mapping in a document, and the words that stand for options.
fn words(value: &serde_json::Value, found: &mut std::collections::BTreeSet<String>) {
    match value {
        serde_json::Value::Object(map) => map.iter().for_each(|(key, inner)| {
            found.insert(key.clone());
            words(inner, found);
        }),
        serde_json::Value::Array(items) => items.iter().for_each(|item| words(item, found)),
        serde_json::Value::String(text) => {
            found.insert(text.clone());
        }
        _ => {}
    }
}

/// Every key that a schema knows.
fn known_keys(schema: &serde_json::Value, found: &mut std::collections::BTreeSet<String>) {
    match schema {
        serde_json::Value::Object(map) => map.iter().for_each(|(key, inner)| {
            if let ("properties", Some(properties)) = (key.as_str(), inner.as_object()) {
                found.extend(properties.keys().cloned());
            }
            known_keys(inner, found);
        }),
        serde_json::Value::Array(items) => items.iter().for_each(|item| known_keys(item, found)),
        _ => {}
    }
}

#[test]
fn the_examples_show_every_key_there_is() {
    let (mut used, mut known) = Default::default();
    for entry in fs::read_dir(examples()).expect("examples") {
        for document in documents(&entry.expect("an entry").path()) {
            words(&document, &mut used);
        }
    }
    known_keys(&scenario_schema(), &mut known);
    known_keys(&settings_schema(), &mut known);
    known.extend(["gzip", "zstd"].map(str::to_owned));
    let missing: Vec<&String> = known.difference(&used).collect();
    assert!(missing.is_empty(), "no example shows {missing:?}");
}

fn loaded() -> Loaded {
    load(&Request { paths: vec![".".into()], ..request(&examples()) }).unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
}

fn scenario<'a>(loaded: &'a Loaded, name: &str) -> &'a Scenario {
    loaded.scenarios.iter().find(|s| s.name == name).expect(name)
}

#[test]
fn the_artifact_means_what_the_example_says() {
    let loaded = loaded();
    let shop = scenario(&loaded, "shop");
    assert_eq!(shop.file, Path::new("shop.yaml"));
    assert_eq!((shop.line, shop.tags.as_slice()), (2, &["database".to_owned(), "monthly".to_owned()][..]));
    assert_eq!(shop.timeout, Duration::from_mins(45));
    assert_eq!(shop.objectives.rpo, Some(Duration::from_hours(26)));
    assert_eq!((shop.artifact.size.min, shop.artifact.cadence), (Some(100_000), Some(Duration::from_hours(24))));
    assert_eq!(shop.artifact.age.fail, Some(Duration::from_hours(7 * 24)));
    let first = scenario(&loaded, "first");
    assert_eq!((first.timeout, first.allow_empty, first.checks.len()), (Duration::from_hours(2), false, 0));
    assert!(scenario(&loaded, "one-object").allow_empty);
}

#[test]
fn an_archive_means_what_the_example_says() {
    let loaded = loaded();
    let events = scenario(&loaded, "events");
    let SubjectSpec::Mongodb(spec) = &events.subject else { panic!("{:?}", events.subject) };
    assert_eq!((spec.version, spec.drop, spec.parallel, spec.oplog_replay), (None, true, None, false));
    assert_eq!((spec.ns_include.as_slice(), spec.ns_exclude.as_slice()), (&["events.*".into()][..], &["*.cache".into()][..]));
    assert_eq!(spec.renamings[0].to, "events.$kind$");
    let [CheckKind::Query(filter), CheckKind::Query(pipeline), CheckKind::Indexes(indexes), CheckKind::Validate] =
        [&events.checks[4].kind, &events.checks[5].kind, &events.checks[6].kind, &events.checks[7].kind]
    else {
        panic!("{:?}", events.checks)
    };
    assert_eq!(filter.name, r#"events.orders {"total":{"$lt":0}}"#);
    assert!(matches!(&filter.question, Question::Filter(filter) if filter.contains_key("total")));
    assert!(matches!(&pipeline.question, Question::Pipeline(stages) if stages.len() == 2));
    assert_eq!((pipeline.read_concern.as_deref(), pipeline.timeout.as_secs()), (Some("local"), 10));
    assert_eq!((indexes.of.as_str(), indexes.names.as_slice()), ("events.orders", &["number_1".to_owned()][..]));
    let runtime = &loaded.settings.runtime;
    assert_eq!(runtime.mongodb_bin, [PathBuf::from("/opt/mongodb-database-tools/bin")]);
    assert!(runtime.mongodb_command.as_ref().is_some_and(|line| line.contains("{socket}")));
}

#[test]
fn the_pack_for_the_portfolio_loads() {
    let pack = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/portfolio");
    let request = Request { paths: vec![".".into()], ..request(&pack) };
    let loaded = load(&request).unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
    let time: jiff::Timestamp = "2026-11-21T03:30:00Z".parse().expect("a time");
    for (name, key, empty) in [
        ("codetalk", "postgresql-backups/codetalk-20261121-033000.dump", false),
        ("bookmarked", "postgresql-backups/bookmarked-20261121-033000.dump", false),
        ("intervalai", "mongodb-backups/intervalai-20261121-033000.archive", false),
        ("educationelly", "mongodb-backups/educationelly-20261121-033000.archive", false),
        ("educationelly-graphql", "mongodb-backups/educationelly-graphql-20261121-033000.archive", false),
        ("microservices", "mongodb-backups/microservices-20261121-033000.archive", true),
        ("vertex-platform", "mongodb-backups/vertex-platform-20261121-033000.archive", true),
    ] {
        let scenario = scenario(&loaded, name);
        assert_eq!(scenario.artifact.key.matches(key), Some(Some(time)), "{name}");
        assert_eq!((scenario.artifact.age.warn, scenario.allow_empty), (Some(Duration::from_hours(48)), empty), "{name}");
        let mine = loaded.scenarios.iter().filter(|scenario| scenario.artifact.key.matches(key).is_some());
        assert_eq!(mine.count(), 1, "{key} is of one series");
    }
    let validator = jsonschema::validator_for(&scenario_schema()).expect("a schema");
    for file in ["mongodb.yaml", "postgresql.yaml"] {
        assert!(documents(&pack.join(file)).iter().all(|document| validator.is_valid(document)), "{file}");
    }
}

#[test]
fn the_checks_mean_what_the_example_says() {
    let loaded = loaded();
    let checks = &scenario(&loaded, "shop").checks;
    assert!(checks[..3].iter().all(|check| matches!(check.kind, CheckKind::Count(_))));
    let [CheckKind::Fresh(fresh), CheckKind::Sql(plain), CheckKind::Sql(named)] =
        [&checks[3].kind, &checks[4].kind, &checks[5].kind]
    else {
        panic!("{checks:?}")
    };
    assert_eq!((fresh.group.as_str(), fresh.field.as_str()), ("public.orders", "created_at"));
    assert_eq!((plain.name.as_str(), plain.timeout.as_secs()), ("select count(*) from orders where total < 0", 60));
    assert_eq!((named.name.as_str(), named.timeout.as_secs()), ("schema version", 10));
}

#[test]
fn the_store_means_what_the_example_says() {
    let loaded = loaded();
    let StoreSpec::S3(cloud) = &scenario(&loaded, "shop").artifact.store_spec else { panic!("a bucket") };
    assert_eq!((cloud.prefix.as_str(), cloud.path_style, cloud.waits.stall.as_secs()), ("prod/", true, 30));
    assert_eq!(cloud.ca, Some(examples().join("tls/ca.pem")));
    let Credentials::Keys { access_key_id, .. } = &cloud.credentials else { panic!("keys") };
    assert_eq!(*access_key_id, SecretRef::Env("BACKUP_KEY_ID".into()));
    assert_eq!(loaded.settings.reports, examples().join("reports/out"));
    assert_eq!(loaded.settings.runtime.postgres_bin.len(), 2);
    assert_eq!((loaded.settings.scratch_max, loaded.settings.runtime.memory), (Some(50 << 30), Some(4 << 30)));
}

#[test]
fn the_layers_mean_what_the_example_says() {
    let loaded = loaded();
    let open = |name: &str| scenario(&loaded, name).open.as_slice();
    let [Layer::OpensslEnc(enc), Layer::Gzip] = open("encrypted-by-openssl") else { panic!("layers") };
    assert_eq!((enc.kdf, enc.cipher.as_str()), (Kdf::Pbkdf2 { iterations: 100_000 }, "aes-256-cbc"));
    assert_eq!(enc.passphrases, [SecretRef::Env("BACKUP_PASSPHRASE".into())]);
    let [Layer::Age(AgeKey::Identity(_)), Layer::Zstd] = open("encrypted-by-age") else { panic!("layers") };
    let [Layer::Age(AgeKey::Passphrase(_)), Layer::Tar(member)] = open("picked-from-an-archive") else { panic!("layers") };
    assert_eq!(member, "*/shop.sql");
}

#[test]
fn without_a_configuration_everything_has_a_default() {
    let dir = tempfile::tempdir().expect("tempdir");
    let loaded = load(&request(dir.path())).expect("loads");
    assert!(loaded.scenarios.is_empty() && loaded.settings.stores.is_empty() && loaded.settings.file.is_none());
    assert_eq!(loaded.settings.reports, dir.path().join("reports/out"));
    assert!(loaded.settings.scratch.is_absolute() && loaded.settings.scratch.ends_with("assay"));
}

#[test]
fn relative_paths_start_at_their_file() {
    let dir = tempfile::tempdir().expect("tempdir");
    fs::create_dir_all(dir.path().join("scenarios/team")).expect("mkdir");
    fs::create_dir_all(dir.path().join("elsewhere")).expect("mkdir");
    fs::write(dir.path().join("assay.yaml"), "stores: { nas: { dir: backups } }\nscratch: { dir: tmp }\n").expect("write");
    let text = "name: a\nartifact: { store: nas, key: a }\nopen: [{ age: { identity: { file: key } } }]\npostgres: {}\n";
    fs::write(dir.path().join("scenarios/team/a.yaml"), text).expect("write");
    // From a folder below, the configuration and its scenarios are found all the same.
    let loaded = load(&request(&dir.path().join("elsewhere"))).expect("loads");
    assert_eq!(loaded.settings.scratch, dir.path().join("tmp"));
    assert_eq!(loaded.scenarios[0].artifact.store_spec, StoreSpec::Dir(dir.path().join("backups")));
    let [Layer::Age(AgeKey::Identity(SecretRef::File(key)))] = loaded.scenarios[0].open.as_slice() else { panic!("age") };
    assert_eq!(*key, dir.path().join("scenarios/team/key"));
}
