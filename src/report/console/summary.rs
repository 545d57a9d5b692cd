//! The summary of a run: what is wrong first and in words, then the table, then the findings with their evidence, and at the
//! end the counts and where the reports lie.

use super::layout::{keep_start, wrap};
use super::{Style, table, weight, word};
use crate::check::{Outcome, Status};
use crate::report::evidence::{Evidence, RunRecord, ScenarioRecord, Summary};
use crate::report::text::{counted, one_line, values};
use crate::units::{Bytes, utc};
use crate::verdict::Verdict;
use std::cmp::Reverse;
use std::fmt::Write as _;
use std::path::Path;

/// How many lines of a finding's evidence are shown.
const MOST_EVIDENCE: usize = 5;
/// How much of one such line is shown.
const LONGEST_EVIDENCE: usize = 400;
/// How many skipped checks are named.
const MOST_SKIPPED: usize = 6;

/// Renders the summary; `reports` is the folder that the run's reports lie in. Quiet and all well: nothing.
#[must_use]
pub fn summary(evidence: &Evidence, reports: Option<&Path>, style: &Style) -> String {
    let style = *style;
    let (mut records, not_reached): (Vec<_>, Vec<_>) = evidence.scenarios.iter().partition(|record| was_reached(record));
    records.sort_by_key(|record| Reverse(record.verdict));
    let mut out = run_headline(&evidence.run, &evidence.summary, style);
    out.extend(not_reached_line(&not_reached, style));
    out.extend(records.iter().filter_map(|record| headline(record, style)));
    if !out.is_empty() {
        out.push('\n');
    }
    if !style.quiet && !records.is_empty() {
        out += &table::render(&records, style);
        out.push('\n');
    }
    out.extend(records.iter().filter_map(|record| findings(record, style)));
    out.extend(records.iter().filter_map(|record| kept(record)));
    if !style.quiet || !out.is_empty() {
        out += &counts(&evidence.summary, style);
        for what in &evidence.run.undelivered {
            out += &wrap("", "  ", &one_line(what), style.width);
        }
        if let Some(folder) = reports {
            let _ = writeln!(out, "reports: {} (evidence.json, junit.xml)", one_line(&folder.display().to_string()));
        }
    }
    out
}

/// A scenario that was kept from running has gone no phase, and all there is to say of it is that it was skipped.
fn was_reached(record: &ScenarioRecord) -> bool {
    let skipped = record.checks.iter().all(|outcome| outcome.status == Status::Skipped);
    !record.phases.is_empty() || record.checks.is_empty() || !skipped
}

/// All of them in one line: what there is to say is the same for each.
fn not_reached_line(records: &[&ScenarioRecord], style: Style) -> Option<String> {
    let names: Vec<_> = records.iter().map(|record| one_line(&record.name)).collect();
    let text = format!("{} not reached: {}", counted(names.len(), "scenario"), names.join(", "));
    (!names.is_empty()).then(|| wrap("", "  ", &text, style.width))
}

/// What is wrong with the run as a whole.
fn run_headline(run: &RunRecord, summary: &Summary, style: Style) -> String {
    let text = match (run.stopped_by, run.complete) {
        (Some(signal), _) => format!("stopped by {signal}: what was not done by then is not proven"),
        (None, _) if summary.scenarios == 0 => "nothing was proven: no scenario was selected".into(),
        (None, false) => "this run is not complete: what was not done is not proven".into(),
        (None, true) => return String::new(),
    };
    format!("{}\n", style.paint(Verdict::Error, &text))
}

/// What is wrong with one scenario, in a sentence, and what to do.
fn headline(record: &ScenarioRecord, style: Style) -> Option<String> {
    let (claim, status) = match record.verdict {
        Verdict::Fail => ("the backup is BAD", Status::Fail),
        Verdict::Error => ("could NOT be verified", Status::Error),
        Verdict::Warn | Verdict::Pass => return None,
    };
    let reason = reason(record);
    let why = reason.map_or_else(|| nothing_proven(record).into(), |outcome| one_line(&outcome.message));
    let more = record.checks.iter().filter(|outcome| outcome.status == status).count().saturating_sub(1);
    let more = if more > 0 { format!(" (and {} below)", counted(more, "more finding")) } else { String::new() };
    let name = one_line(&record.name);
    let text = wrap("", "  ", &format!("{name}: {claim}: {why}{more}"), style.width);
    let mut out = text.replacen(claim, &style.paint(record.verdict, claim), 1);
    if let Some(hint) = reason.and_then(|outcome| outcome.hint.as_ref()) {
        out += &wrap("  -> ", "     ", &one_line(hint), style.width);
    }
    Some(out)
}

/// The finding that the verdict is told by. What a tool's own words prove says more than a number that is too small.
pub(super) fn reason(record: &ScenarioRecord) -> Option<&Outcome> {
    let bad = || record.checks.iter().filter(|o| o.status != Status::Skipped && weight(o.status) == record.verdict);
    bad().find(|outcome| !outcome.evidence.is_empty()).or_else(|| bad().next())
}

pub(super) fn nothing_proven(record: &ScenarioRecord) -> &'static str {
    if record.checks.is_empty() {
        "nothing was checked, so nothing was proven"
    } else {
        "checks were skipped, so it was not proven"
    }
}

/// How to reach and remove an instance that was left running. The commands are there to be copied: they are never broken.
fn kept(record: &ScenarioRecord) -> Option<String> {
    let kept = record.kept.as_ref()?;
    let (name, connect, remove) = (one_line(&record.name), one_line(&kept.connect), one_line(&kept.remove));
    Some(format!("{name} is left running\n  connect: {connect}\n  remove:  {remove}\n\n"))
}

/// Everything that is not a plain pass, worst first.
fn findings(record: &ScenarioRecord, style: Style) -> Option<String> {
    if record.verdict == Verdict::Pass {
        return None;
    }
    let mut out = format!(
        "{}: {}, proof reached: {}\n",
        one_line(&record.name),
        style.paint(record.verdict, word(record.verdict)),
        record.depth
    );
    if let Some(artifact) = &record.artifact {
        let place = format!("{}/{}", artifact.store.trim_end_matches('/'), artifact.key);
        let about = format!("{}, taken {}", Bytes(artifact.size), utc(artifact.taken));
        out += &wrap("  ", "  ", &one_line(&place), style.width);
        let _ = writeln!(out, "  {}", style.dim(&about));
    }
    let told = |outcome: &&Outcome| !matches!(outcome.status, Status::Pass | Status::Skipped);
    let mut outcomes: Vec<_> = record.checks.iter().filter(told).collect();
    outcomes.sort_by_key(|outcome| Reverse(weight(outcome.status)));
    let headlined = reason(record).filter(|_| record.verdict != Verdict::Warn);
    for outcome in outcomes {
        // The headline has given its hint already.
        let hint = outcome.hint.as_deref().filter(|_| !headlined.is_some_and(|h| std::ptr::eq(h, outcome)));
        out += &finding(outcome, hint, style);
    }
    out.extend(skipped(record, style));
    out.push('\n');
    Some(out)
}

fn finding(outcome: &Outcome, hint: Option<&str>, style: Style) -> String {
    const INDENT: &str = "         ";
    let verdict = weight(outcome.status);
    let said = format!("{}: {}", one_line(&outcome.check), one_line(&outcome.message));
    let label = style.paint(verdict, &format!("{:<5}", word(verdict)));
    let mut out = wrap(&format!("  {label}  "), INDENT, &said, style.width);
    if let Some(values) = values(outcome) {
        out += &wrap(INDENT, INDENT, &one_line(&values), style.width);
    }
    for line in outcome.evidence.iter().take(MOST_EVIDENCE) {
        let line = keep_start(&one_line(line), LONGEST_EVIDENCE);
        out += &wrap(&format!("{INDENT}| "), &format!("{INDENT}|   "), &line, style.width);
    }
    if let Some(more) = outcome.evidence.len().checked_sub(MOST_EVIDENCE).filter(|more| *more > 0) {
        let _ = writeln!(out, "{INDENT}{}", style.dim(&format!("+{more} more in evidence.json")));
    }
    if let Some(hint) = hint {
        out += &wrap(&format!("{INDENT}-> "), &format!("{INDENT}   "), &one_line(hint), style.width);
    }
    out
}

/// Skipped checks in one line: they are no findings, but none of them is green.
fn skipped(record: &ScenarioRecord, style: Style) -> Option<String> {
    let skipped: Vec<_> = record.checks.iter().filter(|o| o.status == Status::Skipped).map(|o| one_line(&o.check)).collect();
    if skipped.is_empty() {
        return None;
    }
    let mut names = skipped.iter().take(MOST_SKIPPED).map(String::as_str).collect::<Vec<_>>().join(", ");
    if let Some(more) = skipped.len().checked_sub(MOST_SKIPPED).filter(|more| *more > 0) {
        let _ = write!(names, " +{more} more");
    }
    let text = format!("{}: {names}", counted(skipped.len(), "check"));
    Some(wrap(&format!("  {}  ", style.dim("SKIP ")), "         ", &text, style.width))
}

/// The last line of the verdicts: `2 scenarios: 1 passed, 1 failed`.
fn counts(summary: &Summary, style: Style) -> String {
    let parts = [
        (summary.passed, "passed", Verdict::Pass),
        (summary.warned, "passed with warnings", Verdict::Warn),
        (summary.failed, "failed", Verdict::Fail),
        (summary.errors, "could not be verified", Verdict::Error),
    ];
    let some = parts.into_iter().filter(|(number, ..)| *number > 0);
    let told: Vec<_> = some.map(|(number, what, verdict)| style.paint(verdict, &format!("{number} {what}"))).collect();
    let scenarios = counted(summary.scenarios, "scenario");
    if told.is_empty() { format!("{scenarios}\n") } else { format!("{scenarios}: {}\n", told.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use crate::verdict::Depth;
    use console::{measure_text_width, strip_ansi_codes};

    const PLAIN: Style = Style { colour: false, width: 80, quiet: false };

    fn of(scenarios: Vec<ScenarioRecord>) -> Evidence {
        Evidence { summary: Summary::of(&scenarios), scenarios, ..sample::evidence() }
    }

    fn one(check: Outcome, verdict: Verdict) -> Evidence {
        of(vec![ScenarioRecord { checks: vec![check], ..sample::empty("s", verdict, Depth::Found) }])
    }

    #[test]
    fn the_bad_news_comes_first_in_words() {
        let text = summary(&sample::evidence(), None, &PLAIN);
        assert!(text.starts_with("bookmarked: the backup is BAD: the archive is damaged"), "{text}");
        let places = [
            "bookmarked: the",
            "shop: could NOT",
            "SCENARIO",
            "bookmarked: FAIL",
            "shop: ERROR",
            "ledger: WARN",
            "4 scenarios: ",
        ];
        let found: Vec<_> = places.iter().map(|place| text.find(place).expect(place)).collect();
        assert!(found.is_sorted(), "{found:?} in\n{text}");
        assert!(text.ends_with("4 scenarios: 1 passed, 1 passed with warnings, 1 failed, 1 could not be verified\n"), "{text}");
    }

    #[test]
    fn the_table_keeps_to_the_width_and_cuts_no_word_of_its_own() {
        for width in [80, 100, 120, 200] {
            let text = summary(&sample::evidence(), None, &Style { width, ..PLAIN });
            for line in text.lines().filter(|line| !line.contains("s3://")) {
                assert!(measure_text_width(line) <= width, "{width}: {line}");
            }
            for word in ["bookmarked-20261121-030000.dump", "34 567 rows", "2 tables", "3h30m", "checked"] {
                assert!(text.contains(word), "{word} at {width}:\n{text}");
            }
        }
    }

    #[test]
    fn a_long_list_of_evidence_points_to_the_file() {
        let lines = (1..=7).map(|n| format!("line {n}"));
        let text = summary(&one(Outcome::new("c", Status::Fail, "m").evidence(lines), Verdict::Fail), None, &PLAIN);
        assert!(text.contains("| line 5\n         +2 more in evidence.json") && !text.contains("line 6"), "{text}");
    }

    #[test]
    fn colour_is_only_added_never_needed() {
        let plain = summary(&sample::evidence(), None, &PLAIN);
        let colour = summary(&sample::evidence(), None, &Style { colour: true, ..PLAIN });
        assert!(!plain.contains('\u{1b}') && colour.contains("\u{1b}[31m"), "{colour}");
        assert_eq!(strip_ansi_codes(&colour), plain);
    }

    #[test]
    fn nothing_from_outside_steers_the_terminal() {
        let nasty = "\u{1b}[2J\u{1b}]0;x\u{7}a\r\nb\u{9b}1m\u{202e}";
        let check = Outcome::new(nasty, Status::Fail, nasty).values(nasty, nasty).hint(nasty).evidence([nasty]);
        let mut evidence = one(check, Verdict::Fail);
        nasty.clone_into(&mut evidence.scenarios[0].name);
        let text = summary(&evidence, Some(Path::new(nasty)), &PLAIN);
        assert!(!text.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'), "{text:?}");
    }

    #[test]
    fn what_was_not_proven_is_said() {
        let nothing = summary(&of(Vec::new()), None, &PLAIN);
        assert_eq!(nothing, "nothing was proven: no scenario was selected\n\n0 scenarios\n");
        let unchecked = summary(&of(vec![sample::empty("s", Verdict::Error, Depth::Found)]), None, &PLAIN);
        assert!(unchecked.starts_with("s: could NOT be verified: nothing was checked, so nothing was proven\n"), "{unchecked}");
        let mut stopped = sample::evidence();
        stopped.run.stopped_by = Some(crate::report::evidence::Signal::Interrupt);
        assert!(summary(&stopped, None, &PLAIN).starts_with("stopped by SIGINT: "));
    }

    #[test]
    fn quiet_shows_problems_and_nothing_else() {
        let quiet = Style { quiet: true, ..PLAIN };
        let mut scenarios = sample::evidence().scenarios;
        let text = summary(&of(scenarios.clone()), None, &quiet);
        assert!(text.contains("bookmarked: the backup is BAD") && !text.contains("SCENARIO"), "{text}");
        scenarios.truncate(1);
        assert_eq!(summary(&of(scenarios), Some(Path::new("reports")), &quiet), "");
    }
}
