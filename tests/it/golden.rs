//! Golden pairs: what is said against a bad file, letter by letter, because messages are an interface.
//!
//! A case is `tests/golden/NAME.yaml`, loaded with the `assay.yaml` beside it, or a folder `tests/golden/NAME/`, loaded as it
//! is, or made here when a file of it cannot be in a repository. `NAME.err` is what must be said; `NAME.ok` is what must be
//! loaded. `UPDATE_GOLDEN=1` writes them anew.

use assay::scenario::load::{Loaded, Request, load};
use assay::scenario::schema::{scenario_schema, settings_schema};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// What loading came to, as it is compared.
fn outcome(request: &Request) -> (&'static str, String) {
    match load(request) {
        Ok(loaded) => ("ok", summary(&loaded)),
        Err(diagnostics) => ("err", diagnostics.render(false)),
    }
}

fn summary(loaded: &Loaded) -> String {
    let mut out = String::new();
    for s in &loaded.scenarios {
        let (file, key) = (s.file.display(), &s.artifact.key);
        let checks: Vec<&str> = s.checks.iter().map(|c| c.at.as_str()).collect();
        let _ = writeln!(out, "{} {file}:{} {}/{key} {:?} checks {checks:?}", s.name, s.line, s.artifact.store, s.subject);
    }
    out
}

/// Compares with the golden file, or writes it. Returns what differs.
fn compare(name: &str, (kind, text): &(&'static str, String)) -> Option<String> {
    let file = |kind: &str| golden().join(format!("{name}.{kind}"));
    let other = if *kind == "ok" { "err" } else { "ok" };
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let _ = fs::remove_file(file(other));
        fs::write(file(kind), text).expect("write a golden file");
        return None;
    }
    let expected = fs::read_to_string(file(kind)).unwrap_or_else(|_| format!("(there is no {name}.{kind})"));
    (expected != *text).then(|| format!("=== {name}\n--- expected\n{expected}\n--- found ({kind})\n{text}"))
}

fn assert_none(differences: Vec<String>) {
    assert!(differences.is_empty(), "{}\nUPDATE_GOLDEN=1 writes them anew", differences.join("\n"));
}

/// The cases that are a file, then those that are a folder.
fn cases() -> (Vec<String>, Vec<String>) {
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(golden()).expect("tests/golden") {
        let path = entry.expect("an entry").path();
        let stem = path.file_stem().expect("a name").to_string_lossy().into_owned();
        if path.is_dir() {
            folders.push(stem);
        } else if path.extension().is_some_and(|e| e == "yaml") && stem != "assay" {
            files.push(stem);
        }
    }
    files.sort();
    folders.sort();
    (files, folders)
}

/// A folder outside of the repository that holds the shared configuration.
fn place() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("tempdir");
    fs::copy(golden().join("assay.yaml"), dir.path().join("assay.yaml")).expect("copy");
    dir
}

fn request(cwd: &Path, paths: &[&str]) -> Request {
    Request { paths: paths.iter().map(PathBuf::from).collect(), config: None, cwd: cwd.to_path_buf() }
}

#[test]
fn every_file_is_answered_letter_by_letter() {
    let (files, _) = cases();
    assert!(files.len() >= 45, "{} cases", files.len());
    let dir = place();
    let answer = |name: &String| {
        let file = format!("{name}.yaml");
        fs::copy(golden().join(&file), dir.path().join(&file)).expect("copy");
        let found = outcome(&request(dir.path(), &[&file]));
        assert_eq!(found.0 == "ok", name.starts_with("ok_"), "{name}: {}", found.1);
        compare(name, &found)
    };
    assert_none(files.iter().filter_map(answer).collect());
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("mkdir");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() { copy_folder(&path, &target) } else { fs::copy(&path, &target).map(drop).expect("copy") }
    }
}

#[test]
fn every_folder_is_answered_letter_by_letter() {
    let answer = |name: String| {
        let dir = tempfile::tempdir().expect("tempdir");
        copy_folder(&golden().join(&name), dir.path());
        // Without a configuration, or without scenarios, the folder itself is named.
        let paths: &[&str] = if dir.path().join("scenarios").exists() { &[] } else { &["."] };
        compare(&name, &outcome(&request(dir.path(), paths)))
    };
    assert_none(cases().1.into_iter().filter_map(answer).collect());
}

const HEAD: &str = "name: shop\nartifact: { store: b2, key: \"shop-{timestamp}.sql\" }\npostgres: {}\n";

/// Files that do not go well into a repository.
fn made() -> Vec<(&'static str, Vec<u8>)> {
    let mut bomb = format!("{HEAD}a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for n in 1..12 {
        let _ = writeln!(bomb, "a{n}: &a{n} [{}]", vec![format!("*a{}", n - 1); 9].join(", "));
    }
    let blocks = |n: usize| (0..n).fold(String::new(), |text, level| format!("{text}{}a:\n", " ".repeat(level)));
    vec![
        ("made_anchor_bomb", bomb.into_bytes()),
        ("made_anchor_in_itself", format!("{HEAD}tags: &a [*a]\n").into_bytes()),
        ("made_deep_brackets", format!("{HEAD}tags: {}\n", "[".repeat(10_000)).into_bytes()),
        ("made_deep_blocks", format!("{HEAD}{}", blocks(200)).into_bytes()),
        ("made_not_utf8", [HEAD.as_bytes(), b"description: caf\xe9 au lait\n"].concat()),
        ("made_utf16", HEAD.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("made_escaped_controls", format!("{HEAD}tags: [\"\\e[31m\\u202e\\0\"]\n\"\\e[2J\": \u{202e}1\n").into_bytes()),
        ("made_raw_controls", format!("{HEAD}tags: [\u{9b}31m]\n").into_bytes()),
    ]
}

#[test]
fn files_that_are_made_here_are_answered_too() {
    let dir = place();
    let answer = |(name, content): (&str, Vec<u8>)| {
        let file = format!("{name}.yaml");
        fs::write(dir.path().join(&file), content).expect("write");
        let found = outcome(&request(dir.path(), &[&file]));
        assert!(!found.1.chars().any(|c| c != '\n' && (c.is_control() || c == '\u{202e}')), "{name}: {:?}", found.1);
        compare(name, &found)
    };
    assert_none(made().into_iter().filter_map(answer).collect());
}

#[test]
fn no_file_floods_the_terminal() {
    let dir = place();
    let keys = (0..5000).fold(HEAD.to_owned(), |text, n| format!("{text}x{n}: 1\n"));
    fs::write(dir.path().join("many.yaml"), keys).expect("write");
    let (_, text) = outcome(&request(dir.path(), &["many.yaml"]));
    assert!(text.ends_with("\n101 errors in 1 file\n"), "{text}");
    assert!(text.contains("there are more errors from here on; 100 are shown\n    --> many.yaml:104:1\n"), "{text}");
}

#[test]
fn a_huge_file_is_refused_unread() {
    let dir = place();
    let file = fs::File::create(dir.path().join("huge.yaml")).expect("create");
    // Sparse: reading it would cost 100 MB, asking for its size nothing.
    file.set_len(100 * 1024 * 1024).expect("sparse");
    assert_none(compare("made_huge", &outcome(&request(dir.path(), &["huge.yaml"]))).into_iter().collect());
}

#[test]
fn what_cannot_be_read_is_told_with_everything_else() {
    let dir = place();
    fs::write(dir.path().join("bad.yaml"), "name: [\n").expect("write");
    std::os::unix::fs::symlink("nowhere", dir.path().join("dangling.yaml")).expect("link");
    fs::create_dir(dir.path().join("empty")).expect("mkdir");
    let found = outcome(&request(dir.path(), &["bad.yaml", "missing.yaml", "dangling.yaml", "empty", "/dev/null"]));
    assert_none(compare("made_unreadable", &found).into_iter().collect());
    let config = Request { config: Some("nowhere.yaml".into()), ..request(dir.path(), &["empty"]) };
    assert_none(compare("made_missing_configuration", &outcome(&config)).into_iter().collect());
}

#[test]
fn no_golden_answer_repeats_a_secret() {
    for entry in fs::read_dir(golden()).expect("tests/golden") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|e| e == "err") {
            let text = fs::read_to_string(&path).expect("read");
            for secret in ["hunter2", "horse", "AGE-SECRET-KEY-1Q", "AKIAIOSFODNN7", "wJalrXUtn"] {
                assert!(!text.contains(secret), "{}: {text}", path.display());
            }
        }
    }
}

/// The documents of a file as JSON, the way an editor sees them.
fn documents(path: &Path) -> Vec<serde_json::Value> {
    use assay::scenario::node::{Node, Value as Yaml, parse};
    use serde_json::Value as Json;
    fn json(node: &Node) -> Json {
        match &node.value {
            Yaml::Null => Json::Null,
            Yaml::Scalar { text, plain: true } => serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into()),
            Yaml::Scalar { text, plain: false } => text.as_str().into(),
            Yaml::Sequence(items) => items.iter().map(json).collect(),
            Yaml::Mapping(entries) => Json::Object(entries.iter().map(|e| (e.key.clone(), json(&e.node))).collect()),
        }
    }
    let parsed = parse(&fs::read_to_string(path).expect("read"));
    assert_eq!(parsed.problems, [], "{}", path.display());
    parsed.documents.iter().map(json).collect()
}

#[test]
fn the_schema_takes_the_good_and_refuses_the_bad() {
    let scenario = jsonschema::validator_for(&scenario_schema()).expect("a schema");
    let settings = jsonschema::validator_for(&settings_schema()).expect("a schema");
    let file = |name: &str| golden().join(format!("{name}.yaml"));
    for name in ["ok_documents", "ok_anchors", "ok_crlf"] {
        for document in documents(&file(name)) {
            assert!(scenario.is_valid(&document), "{name}: {document}");
        }
    }
    for name in [
        "unknown_key",
        "unknown_subject",
        "two_subjects",
        "no_subject",
        "not_yet_known_keys",
        "wrong_types",
        "list_for_mapping",
        "document_is_a_list",
        "nothing_for_mapping",
        "missing_keys",
        "bad_durations",
        "bad_sizes",
        "literal_secret",
        "secret_pasted_as_a_name",
        "bad_expectations",
        "bad_counts",
        "checks_with_wrong_keys",
        "bad_names",
        "bad_layers",
        "several_errors",
    ] {
        for document in documents(&file(name)) {
            assert!(!scenario.is_valid(&document), "{name}: {document}");
        }
    }
    for folder in ["bad_configuration", "unknown_configuration_keys"] {
        assert!(!settings.is_valid(&documents(&golden().join(folder).join("assay.yaml"))[0]), "{folder}");
    }
    assert!(settings.is_valid(&documents(&golden().join("assay.yaml"))[0]));
}

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/examples")
}

#[test]
fn the_examples_load_and_their_schema_takes_them() {
    let loaded = load(&Request { paths: vec![".".into()], config: None, cwd: examples() });
    let loaded = loaded.unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
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
        documents(&entry.expect("an entry").path()).iter().for_each(|document| words(document, &mut used));
    }
    known_keys(&scenario_schema(), &mut known);
    known_keys(&settings_schema(), &mut known);
    known.extend(["gzip", "zstd"].map(str::to_owned));
    let missing: Vec<&String> = known.difference(&used).collect();
    assert!(missing.is_empty(), "no example shows {missing:?}");
}

#[test]
fn what_an_example_says_is_what_it_means() {
    use assay::open::{AgeKey, Kdf, Layer};
    use assay::scenario::{CheckKind, Credentials, StoreSpec};
    use assay::secret::SecretRef;
    use std::time::Duration;
    let loaded = load(&Request { paths: vec![".".into()], config: None, cwd: examples() }).expect("loads");
    let scenario = |name: &str| loaded.scenarios.iter().find(|s| s.name == name).expect(name);

    let shop = scenario("shop");
    assert_eq!(shop.file, Path::new("shop.yaml"));
    assert_eq!((shop.line, shop.tags.as_slice()), (2, &["database".to_owned(), "monthly".to_owned()][..]));
    assert_eq!(shop.timeout, Duration::from_mins(45));
    assert_eq!(shop.objectives.rpo, Some(Duration::from_hours(26)));
    assert_eq!((shop.artifact.size.min, shop.artifact.cadence), (Some(100_000), Some(Duration::from_hours(24))));
    assert_eq!(shop.artifact.age.fail, Some(Duration::from_hours(7 * 24)));
    let kinds: Vec<&CheckKind> = shop.checks.iter().map(|c| &c.kind).collect();
    let [
        CheckKind::Count(_),
        CheckKind::Count(_),
        CheckKind::Count(_),
        CheckKind::Fresh(fresh),
        CheckKind::Sql(a),
        CheckKind::Sql(b),
    ] = kinds.as_slice()
    else {
        panic!("{kinds:?}")
    };
    assert_eq!((fresh.group.as_str(), fresh.field.as_str()), ("public.orders", "created_at"));
    assert_eq!((a.name.as_str(), a.timeout.as_secs()), ("select count(*) from orders where total < 0", 60));
    assert_eq!((b.name.as_str(), b.timeout.as_secs()), ("schema version", 10));

    let StoreSpec::S3(cloud) = &shop.artifact.store_spec else { panic!("a bucket") };
    assert_eq!((cloud.prefix.as_str(), cloud.path_style, cloud.waits.stall.as_secs()), ("prod/", true, 30));
    assert_eq!(cloud.ca, Some(examples().join("tls/ca.pem")));
    let Credentials::Keys { access_key_id, .. } = &cloud.credentials else { panic!("keys") };
    assert_eq!(*access_key_id, SecretRef::Env("BACKUP_KEY_ID".into()));

    let [Layer::OpensslEnc(enc), Layer::Gzip] = scenario("encrypted-by-openssl").open.as_slice() else { panic!("layers") };
    assert_eq!((enc.kdf, enc.cipher.as_str()), (Kdf::Pbkdf2 { iterations: 100_000 }, "aes-256-cbc"));
    let [Layer::Age(AgeKey::Identity(_)), Layer::Zstd] = scenario("encrypted-by-age").open.as_slice() else { panic!("layers") };
    let [Layer::Age(AgeKey::Passphrase(_)), Layer::Tar(member)] = scenario("picked-from-an-archive").open.as_slice() else {
        panic!("layers")
    };
    assert_eq!(member, "*/shop.sql");

    let first = scenario("first");
    assert_eq!((first.timeout, first.allow_empty, first.checks.len()), (Duration::from_hours(2), false, 0));
    assert!(scenario("one-object").allow_empty);
    assert_eq!(loaded.settings.reports, examples().join("reports/out"));
    assert_eq!(loaded.settings.runtime.postgres_bin.len(), 2);
    assert_eq!((loaded.settings.scratch_max, loaded.settings.runtime.memory), (Some(50 << 30), Some(4 << 30)));
}

#[test]
fn without_a_configuration_everything_has_a_default() {
    let dir = tempfile::tempdir().expect("tempdir");
    let loaded = load(&request(dir.path(), &[])).expect("loads");
    assert!(loaded.scenarios.is_empty() && loaded.settings.stores.is_empty() && loaded.settings.file.is_none());
    assert_eq!(loaded.settings.reports, dir.path().join("reports/out"));
    assert!(loaded.settings.scratch.is_absolute() && loaded.settings.scratch.ends_with("assay"));
}

#[test]
fn relative_paths_start_at_their_file() {
    use assay::open::{AgeKey, Layer};
    use assay::scenario::StoreSpec;
    use assay::secret::SecretRef;
    let dir = tempfile::tempdir().expect("tempdir");
    fs::create_dir_all(dir.path().join("scenarios/team")).expect("mkdir");
    fs::create_dir_all(dir.path().join("elsewhere")).expect("mkdir");
    fs::write(dir.path().join("assay.yaml"), "stores: { nas: { dir: backups } }\nscratch: { dir: tmp }\n").expect("write");
    let text = "name: a\nartifact: { store: nas, key: a }\nopen: [{ age: { identity: { file: key } } }]\npostgres: {}\n";
    fs::write(dir.path().join("scenarios/team/a.yaml"), text).expect("write");
    // From a folder below, the configuration and its scenarios are found all the same.
    let loaded = load(&request(&dir.path().join("elsewhere"), &[])).expect("loads");
    assert_eq!(loaded.settings.scratch, dir.path().join("tmp"));
    assert_eq!(loaded.scenarios[0].artifact.store_spec, StoreSpec::Dir(dir.path().join("backups")));
    let [Layer::Age(AgeKey::Identity(SecretRef::File(key)))] = loaded.scenarios[0].open.as_slice() else { panic!("age") };
    assert_eq!(*key, dir.path().join("scenarios/team/key"));
}
