//! `junit.xml`: a scenario is a suite, its phases and checks are its cases.
//!
//! A bad backup is a `failure`, what could not be verified an `error`; a warning passes and says so in `system-out`. Names
//! hold no key, time or number, so that a case keeps its history. The text stands in the element's body, because GitLab
//! reads nothing else. A suite without a red case never hides a red verdict: see `unsaid`.
//!
//! junit-report 0.9.1 writes what it is given into attributes and CDATA, control characters and `]]>` too, so every text
//! passes `attribute` or `body` first.

use super::evidence::{Evidence, PhaseRecord, RunRecord, ScenarioRecord};
use super::text;
use crate::check::{Outcome, Status};
use crate::error::{Error, Result};
use crate::verdict::Verdict;
use junit_report::{Duration, OffsetDateTime, Report, TestCase, TestResult, TestSuite};
use quick_xml::events::Event;
use quick_xml::{Reader, Writer};
use std::collections::HashSet;

/// Renders the evidence as JUnit XML, well-formed whatever the names and messages hold.
///
/// # Errors
/// Harness: the XML library refused; no input is known that makes it.
pub fn render(evidence: &Evidence) -> Result<String> {
    let mut names = Names::default();
    let mut suites: Vec<_> = evidence.scenarios.iter().map(|s| scenario_suite(s, &evidence.run, &mut names)).collect();
    let of_the_run: Vec<_> = unfinished(evidence).into_iter().chain(undelivered(&evidence.run)).collect();
    if !of_the_run.is_empty() {
        suites.push(suite("assay", &of_the_run, &evidence.run, &mut names));
    }
    let skipped: Vec<usize> = suites.iter().map(TestSuite::skipped).collect();
    let mut report = Report::new();
    report.add_testsuites(suites);
    let mut xml = Vec::new();
    report.write_xml(&mut xml).map_err(|e| refused(&e))?;
    with_skipped(&xml, &skipped)
}

fn refused(error: &dyn std::fmt::Display) -> Error {
    Error::harness(format!("junit.xml cannot be rendered: {error}"))
}

/// Names that were given away. Of two cases of one name GitLab counts only the first.
#[derive(Default)]
struct Names(HashSet<(String, String)>);

impl Names {
    /// The name itself, or the name with a number when it is taken within its class.
    fn unique(&mut self, class: &str, name: &str) -> String {
        let name = attribute(name);
        let name = if name.is_empty() { "(unnamed)".to_owned() } else { name };
        let numbered = (2u64..).map(|n| format!("{name} ({n})"));
        let free = std::iter::once(name.clone()).chain(numbered).find(|n| self.0.insert((class.to_owned(), n.clone())));
        free.unwrap_or(name)
    }
}

/// A case before its names are settled.
struct Case {
    /// `phase`, `check` or `verdict`; with the suite's name it becomes the class.
    kind: &'static str,
    name: String,
    status: Status,
    message: String,
    text: String,
    seconds: f64,
}

fn scenario_suite(record: &ScenarioRecord, run: &RunRecord, names: &mut Names) -> TestSuite {
    let phases = record.phases.iter().map(|phase| phase_case(phase, record));
    let checks = record.checks.iter().map(check_case);
    let cases: Vec<_> = phases.chain(checks).chain(unsaid(record)).collect();
    let mut suite = suite(&record.name, &cases, run, names);
    let file = attribute(record.file.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches(':'));
    for case in &mut suite.testcases {
        case.set_filepath(&file);
    }
    if !record.not_tested.is_empty() {
        suite.set_system_out(&body(&format!("not tested:\n- {}", record.not_tested.join("\n- "))));
    }
    suite
}

fn suite(name: &str, cases: &[Case], run: &RunRecord, names: &mut Names) -> TestSuite {
    let mut suite = TestSuite::new(&names.unique("", name));
    suite.package = "assay".into();
    suite.hostname = attribute(&run.host);
    suite.timestamp = OffsetDateTime::from_unix_timestamp(run.started.as_second()).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let stem = format!("assay.{}", suite.name);
    suite.add_testcases(cases.iter().map(|case| test_case(case, &stem, names)));
    suite
}

fn phase_case(phase: &PhaseRecord, record: &ScenarioRecord) -> Case {
    let name = phase.phase.name();
    let message = match phase.status {
        Status::Pass => format!("{name} went well"),
        Status::Warn => format!("{name} went well, with warnings"),
        Status::Fail => format!("{name} showed that the backup is bad"),
        Status::Error => format!("{name} could not be finished"),
        Status::Skipped => format!("{name} was not reached"),
    };
    let bad = matches!(phase.status, Status::Fail | Status::Error);
    let same = record.checks.iter().filter(|o| bad && o.status == phase.status);
    let reasons: Vec<_> = same.map(|o| format!("{}: {}", o.check, o.message)).collect();
    Case {
        kind: "phase",
        name: name.into(),
        status: phase.status,
        text: [vec![message.clone()], reasons].concat().join("\n"),
        message,
        seconds: phase.seconds,
    }
}

fn check_case(outcome: &Outcome) -> Case {
    let values = text::values(outcome).into_iter();
    let hint = outcome.hint.iter().map(|hint| format!("hint: {hint}"));
    let lines: Vec<_> =
        std::iter::once(outcome.message.clone()).chain(values).chain(outcome.evidence.iter().cloned()).chain(hint).collect();
    Case {
        kind: "check",
        name: outcome.check.clone(),
        status: outcome.status,
        message: outcome.message.clone(),
        text: lines.join("\n"),
        seconds: outcome.seconds.unwrap_or(0.0),
    }
}

/// A case for a verdict that no other case of the scenario shows: nothing was checked, or all of it was skipped. Without
/// it the suite would be green, or, empty, be ignored by Jenkins.
fn unsaid(record: &ScenarioRecord) -> Option<Case> {
    let shown =
        |status| record.phases.iter().map(|p| p.status).chain(record.checks.iter().map(|c| c.status)).any(|s| s == status);
    let empty = record.phases.is_empty() && record.checks.is_empty();
    let (status, message) = match record.verdict {
        Verdict::Fail if !shown(Status::Fail) => (Status::Fail, "the backup is bad"),
        Verdict::Error if empty => (Status::Error, "nothing was done, so nothing was proven"),
        Verdict::Error if !shown(Status::Error) => (Status::Error, "checks were skipped, so nothing was proven"),
        Verdict::Pass | Verdict::Warn if empty => (Status::Error, "nothing was checked, so nothing was proven"),
        Verdict::Fail | Verdict::Error | Verdict::Pass | Verdict::Warn => return None,
    };
    Some(Case { kind: "verdict", name: "verdict".into(), status, message: message.into(), text: message.into(), seconds: 0.0 })
}

/// A case for a run that has no scenario or did not come to its end; a report that a killed run left behind is red by it.
fn unfinished(evidence: &Evidence) -> Option<Case> {
    let message = match (evidence.run.stopped_by, evidence.run.complete) {
        (Some(signal), _) => format!("the run was stopped by {signal}"),
        (None, false) => "the run is not complete: it goes on, or it was killed".into(),
        (None, true) if evidence.scenarios.is_empty() => "no scenario was selected, so nothing was proven".into(),
        (None, true) => return None,
    };
    Some(Case { kind: "run", name: "run".into(), status: Status::Error, text: message.clone(), message, seconds: 0.0 })
}

/// A case for what could not be delivered.
fn undelivered(run: &RunRecord) -> Option<Case> {
    let message = run.undelivered.first()?.clone();
    let text = run.undelivered.join("\n");
    Some(Case { kind: "run", name: "delivery".into(), status: Status::Error, text, message, seconds: 0.0 })
}

fn test_case(case: &Case, stem: &str, names: &mut Names) -> TestCase {
    let classname = format!("{stem}.{}", case.kind);
    let name = names.unique(&classname, &case.name);
    let (message, content) = (attribute(&case.message), body(&case.text));
    let mut rendered = TestCase::success(&name, duration(case.seconds));
    rendered.set_classname(&classname);
    match case.status {
        Status::Pass => rendered.set_system_out(&content),
        Status::Warn => rendered.set_system_out(&format!("warning: {content}")),
        Status::Fail => rendered.result = TestResult::Failure { type_: "fail".into(), message, cause: Some(content) },
        Status::Error => rendered.result = TestResult::Error { type_: "error".into(), message, cause: Some(content) },
        Status::Skipped => {
            rendered.result = TestResult::SkippedWithCause { type_: "skipped".into(), message, cause: Some(content) };
        }
    }
    rendered
}

/// Whole milliseconds. What is no length of time counts as none; junit-report takes no error there.
fn duration(seconds: f64) -> Duration {
    let exact = Duration::checked_seconds_f64(seconds).filter(|d| !d.is_negative()).unwrap_or(Duration::ZERO);
    Duration::milliseconds(i64::try_from(exact.whole_milliseconds()).unwrap_or(0))
}

/// A text for an attribute: one line of characters that XML allows. The writer escapes quotes and angle brackets.
fn attribute(text: &str) -> String {
    text::one_line(text)
}

/// A text for a CDATA section: characters that XML allows, and each `]]>` divided between two sections, so that it reads
/// as it was.
fn body(text: &str) -> String {
    text::lines(text).replace("]]>", "]]]]><![CDATA[>")
}

/// Adds the `skipped` counts, which junit-report leaves out, and puts each element on a line of its own.
fn with_skipped(xml: &[u8], skipped: &[usize]) -> Result<String> {
    let mut reader = Reader::from_reader(xml);
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    let mut skipped = skipped.iter();
    loop {
        let event = match reader.read_event().map_err(|e| refused(&e))? {
            Event::Eof => break,
            Event::Start(mut start) if start.name().as_ref() == b"testsuite" => {
                start.push_attribute(("skipped", skipped.next().unwrap_or(&0).to_string().as_str()));
                Event::Start(start)
            }
            other => other,
        };
        writer.write_event(event).map_err(|e| refused(&e))?;
    }
    let mut xml = String::from_utf8(writer.into_inner()).map_err(|e| refused(&e))?;
    xml.push('\n');
    Ok(xml)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn one(record: ScenarioRecord) -> String {
        render(&Evidence { scenarios: vec![record], ..sample::evidence() }).expect("render")
    }

    #[test]
    fn every_status_has_its_element_with_the_text_in_the_body() {
        let mut record = sample::empty("s", Verdict::Fail, crate::verdict::Depth::Restored);
        let outcome = |check: &str, status| Outcome::new(check, status, "why").values("1", "2").hint("Do it.").evidence(["line"]);
        record.checks = vec![
            outcome("good", Status::Pass),
            outcome("so so", Status::Warn),
            outcome("bad", Status::Fail),
            outcome("broken", Status::Error),
            outcome("left out", Status::Skipped),
        ];
        let xml = one(record);
        let text = "why\nmeasured 1, expected 2\nline\nhint: Do it.";
        for expected in [
            format!("<system-out><![CDATA[{text}]]></system-out>"),
            format!("<system-out><![CDATA[warning: {text}]]></system-out>"),
            format!("<failure type=\"fail\" message=\"why\"><![CDATA[{text}]]></failure>"),
            format!("<error type=\"error\" message=\"why\"><![CDATA[{text}]]></error>"),
            format!("<skipped type=\"skipped\" message=\"why\"><![CDATA[{text}]]></skipped>"),
            "tests=\"5\" errors=\"1\" failures=\"1\" hostname=\"runner-1\"".into(),
            "skipped=\"1\">".into(),
            "name=\"bad\" time=\"0\" classname=\"assay.s.check\" file=\"scenarios/s.yaml\"".into(),
        ] {
            assert!(xml.contains(&expected), "{expected} is not in\n{xml}");
        }
    }

    #[test]
    fn times_that_are_none_do_no_harm() {
        for (seconds, millis) in [(1.2345, 1234), (0.0, 0), (-1.0, 0), (f64::NAN, 0), (f64::INFINITY, 0), (1e300, 0)] {
            assert_eq!(duration(seconds).whole_milliseconds(), millis, "{seconds}");
        }
    }
}
