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

fn assert_none(differences: &[String]) {
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
    assert_none(&files.iter().filter_map(answer).collect::<Vec<_>>());
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
    assert_none(&cases().1.into_iter().filter_map(answer).collect::<Vec<_>>());
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
    assert_none(&made().into_iter().filter_map(answer).collect::<Vec<_>>());
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
    assert_none(&compare("made_huge", &outcome(&request(dir.path(), &["huge.yaml"]))).into_iter().collect::<Vec<_>>());
}

#[test]
fn what_cannot_be_read_is_told_with_everything_else() {
    let dir = place();
    fs::write(dir.path().join("bad.yaml"), "name: [\n").expect("write");
    std::os::unix::fs::symlink("nowhere", dir.path().join("dangling.yaml")).expect("link");
    fs::create_dir(dir.path().join("empty")).expect("mkdir");
    let found = outcome(&request(dir.path(), &["bad.yaml", "missing.yaml", "dangling.yaml", "empty", "/dev/null"]));
    assert_none(&compare("made_unreadable", &found).into_iter().collect::<Vec<_>>());
    let config = Request { config: Some("nowhere.yaml".into()), ..request(dir.path(), &["empty"]) };
    assert_none(&compare("made_missing_configuration", &outcome(&config)).into_iter().collect::<Vec<_>>());
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
pub fn documents(path: &Path) -> Vec<serde_json::Value> {
    use assay::scenario::node::{Node, Value as Yaml};
    use assay::scenario::yaml::parse;
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
