//! `junit.xml` read by a strict XML parser: well-formed whatever the evidence holds, with the evidence's own counts.

use assay::check::{Outcome, Status};
use assay::report::evidence::{Evidence, ScenarioRecord, Summary};
use assay::report::junit::render;
use assay::verdict::Verdict;
use proptest::prelude::*;
use roxmltree::{Document, Node};
use std::collections::HashSet;
use std::path::Path;

/// The committed sample: one scenario of each verdict.
fn sample() -> Evidence {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("reports/samples/evidence.json");
    serde_json::from_str(&std::fs::read_to_string(path).expect("read")).expect("evidence")
}

/// The sample with one scenario of these names and texts, and an outcome of each status.
fn with_texts(name: &str, texts: &[String]) -> Evidence {
    let statuses = [Status::Pass, Status::Warn, Status::Fail, Status::Error, Status::Skipped];
    let outcome = |(text, status): (&String, _)| Outcome::new(text, status, text).values(text, text).hint(text).evidence([text]);
    let checks = texts.iter().zip(statuses.into_iter().cycle()).map(outcome).collect();
    let mut evidence = sample();
    let mut record = evidence.scenarios.swap_remove(1);
    record = ScenarioRecord { name: name.into(), file: name.into(), not_tested: texts.to_vec(), checks, ..record };
    evidence.run.host = name.into();
    Evidence { summary: Summary::of(std::slice::from_ref(&record)), scenarios: vec![record], ..evidence }
}

fn suites<'d>(document: &'d Document) -> Vec<Node<'d, 'd>> {
    document.descendants().filter(|node| node.has_tag_name("testsuite")).collect()
}

fn children<'d>(node: Node<'d, 'd>, tag: &'d str) -> impl Iterator<Item = Node<'d, 'd>> {
    node.children().filter(move |child| child.has_tag_name(tag))
}

fn number(node: Node, attribute: &str) -> usize {
    node.attribute(attribute).and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {attribute} in {node:?}"))
}

/// Each suite's counts are the evidence's, and so are its elements; no two cases share class and name.
fn agrees(evidence: &Evidence, xml: &str) {
    let document = Document::parse(xml).unwrap_or_else(|e| panic!("{e}\n{xml}"));
    let suites = suites(&document);
    assert_eq!(suites.len(), evidence.scenarios.len());
    let mut names = HashSet::new();
    for (suite, record) in suites.into_iter().zip(&evidence.scenarios) {
        let statuses: Vec<_> = record.phases.iter().map(|p| p.status).chain(record.checks.iter().map(|c| c.status)).collect();
        let expected = |status| statuses.iter().filter(|s| **s == status).count();
        assert_eq!(number(suite, "tests"), statuses.len(), "{}", record.name);
        assert_eq!(children(suite, "testcase").count(), statuses.len());
        for (attribute, tag, status) in
            [("failures", "failure", Status::Fail), ("errors", "error", Status::Error), ("skipped", "skipped", Status::Skipped)]
        {
            let elements = children(suite, "testcase").flat_map(|case| children(case, tag)).count();
            assert_eq!(
                (number(suite, attribute), elements),
                (expected(status), expected(status)),
                "{attribute} of {}",
                record.name
            );
        }
        for case in children(suite, "testcase") {
            let (class, name) = identity(case);
            assert!(!name.is_empty() && names.insert((class, name.clone())), "{name:?}");
        }
    }
}

/// What a case's history hangs on: its class and its name.
fn identity(case: Node) -> (String, String) {
    let attribute = |name| case.attribute(name).unwrap_or_default().to_owned();
    (attribute("classname"), attribute("name"))
}

fn identities(evidence: &Evidence) -> Vec<(String, String)> {
    let xml = render(evidence).expect("render");
    let document = Document::parse(&xml).expect("well-formed");
    document.descendants().filter(|node| node.has_tag_name("testcase")).map(identity).collect()
}

#[test]
fn the_sample_has_the_evidences_counts() {
    let evidence = sample();
    agrees(&evidence, &render(&evidence).expect("render"));
}

#[test]
fn nasty_texts_stay_well_formed() {
    let long = "x".repeat(300);
    let nasty = [
        "\0",
        "\u{1}\u{8}\u{b}\u{c}\u{1b}\u{7f}\u{85}\u{9b}",
        "\u{1b}[31mred\u{1b}[0m \u{1b}]0;title\u{7}",
        "]]>",
        "]]]]>><![CDATA[]]>",
        "</failure></testcase></testsuite>",
        "<testsuite id=\"0\" name=\"x\">",
        "\"double\" 'single' & &amp; &#0; <!-- -- -->",
        "äöüß €",
        "👩‍👩‍👧 𝄞 \u{10FFFF}",
        "\u{FFFE}\u{FFFF}\u{FDD0}",
        "\u{D7FF}\u{E000}\u{FFFD}",
        "a\r\nb\rc\n\n\td",
        "",
        " ",
        &long,
    ];
    let texts: Vec<String> = nasty.into_iter().map(str::to_owned).collect();
    for name in &texts {
        let evidence = with_texts(name, &texts);
        agrees(&evidence, &render(&evidence).expect("render"));
    }
}

#[test]
fn what_xml_allows_reads_back_as_it_was() {
    let text = "a ]]> b <c> & \"d\" 'e' äö 👩\n\tnext ]]]]>>";
    let mut evidence = with_texts("s", &[]);
    evidence.scenarios[0].phases.clear();
    evidence.scenarios[0].checks = vec![Outcome::new("c", Status::Fail, text)];
    let xml = render(&evidence).expect("render");
    let document = Document::parse(&xml).expect("well-formed");
    let failure = document.descendants().find(|node| node.has_tag_name("failure")).expect("a failure");
    let body: String = failure.children().filter_map(|child| child.text()).collect();
    assert_eq!(body, text);
    assert_eq!(failure.attribute("message"), Some(text.replace("\n\t", "  ").as_str()));
}

#[test]
fn a_verdict_is_never_greener_than_the_evidence() {
    let empty = |verdict| {
        let mut evidence = with_texts("s", &[]);
        let record = &mut evidence.scenarios[0];
        record.verdict = verdict;
        record.phases.clear();
        evidence
    };
    let skipped = |verdict| {
        let mut evidence = empty(verdict);
        evidence.scenarios[0].checks = vec![Outcome::new("c", Status::Skipped, "skipped, because")];
        evidence
    };
    let none = Evidence { scenarios: Vec::new(), ..sample() };
    let mut unfinished = sample();
    unfinished.scenarios.truncate(1);
    unfinished.run.complete = false;
    for (what, evidence, tag) in [
        ("no scenario", none, "error"),
        ("nothing done", empty(Verdict::Error), "error"),
        ("nothing checked", empty(Verdict::Pass), "error"),
        ("bad without a reason", empty(Verdict::Fail), "failure"),
        ("all skipped", skipped(Verdict::Error), "error"),
        ("not complete", unfinished, "error"),
    ] {
        let xml = render(&evidence).expect("render");
        let document = Document::parse(&xml).expect("well-formed");
        let red = document.descendants().filter(|node| node.has_tag_name(tag)).count();
        assert_eq!(red, 1, "{what}: {xml}");
        let cases = suites(&document).iter().map(|suite| children(*suite, "testcase").count()).min();
        assert!(cases.is_some_and(|fewest| fewest > 0), "{what}: {xml}");
    }
}

#[test]
fn names_hold_no_key_time_or_count() {
    let mut later = sample();
    for record in &mut later.scenarios {
        record.seconds *= 2.0;
        if let Some(artifact) = &mut record.artifact {
            artifact.key = "postgresql-backups/other-20271121-030000.dump".into();
            artifact.candidates += 1;
        }
    }
    later.run.id = "20271121-063000-0000".into();
    later.run.started = "2027-11-21T06:30:00Z".parse().expect("time");
    assert_eq!(identities(&sample()), identities(&later));
    for (class, name) in [("assay.codetalk.phase", "restore"), ("assay.codetalk.check", "count public.users")] {
        assert!(identities(&later).contains(&(class.into(), name.into())), "{class} {name}");
    }
}

/// Any text, often made of what breaks XML.
fn text() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "]]>",
        "]",
        ">",
        "<",
        "&",
        "\"",
        "'",
        "\0",
        "\u{1b}[1m",
        "\u{1b}",
        "\u{FFFE}",
        "\u{FFFF}",
        "\r",
        "\n",
        "ä",
        "😀",
        "x",
        "(2)",
    ]);
    prop_oneof![any::<String>(), prop::collection::vec(pieces, 0..12).prop_map(|pieces| pieces.concat())]
}

proptest! {
    #[test]
    fn any_text_stays_well_formed(name in text(), texts in prop::collection::vec(text(), 0..8)) {
        let evidence = with_texts(&name, &texts);
        agrees(&evidence, &render(&evidence).expect("render"));
    }
}
