//! What is shown while a run goes on, on stderr: on a terminal one moving line per running scenario, elsewhere one plain line
//! when a scenario starts and one when it ends.

use super::layout::keep_start;
use super::summary::{nothing_proven, reason};
use super::table::seconds;
use super::{Style, word};
use crate::census::Vantage;
use crate::report::evidence::ScenarioRecord;
use crate::report::text::one_line;
use crate::run::Phase;
use crate::run::event::Event;
use crate::units::Bytes;
use crate::verdict::Verdict;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::HashMap;
use std::io::Write;
use std::time::Duration;

/// How much is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Nothing while the run goes on.
    Quiet,
    /// Scenarios and notes.
    Normal,
    /// Each phase, too.
    Verbose,
}

/// Shows the events of a run as they come. Dropping it leaves a clean screen.
pub struct Live {
    screen: Screen,
    verbosity: Verbosity,
    style: Style,
}

enum Screen {
    Moving { all: MultiProgress, running: HashMap<String, ProgressBar> },
    Plain(Box<dyn Write + Send>),
}

const TICK: Duration = Duration::from_millis(100);
const WAITS: &str = "{spinner} {prefix:16}  {msg:8}  {elapsed}";
const FLOWS: &str = "{spinner} {prefix:16}  {msg:8}  {bytes}, {binary_bytes_per_sec}";
const FLOWS_TO_AN_END: &str = "{spinner} {prefix:16}  {msg:8}  {bytes} of {total_bytes}, {binary_bytes_per_sec}, {eta} left";

impl Live {
    /// On stderr; `terminal` tells whether that is one.
    #[must_use]
    pub fn stderr(terminal: bool, verbosity: Verbosity, style: Style) -> Self {
        if terminal {
            Self::on_terminal(ProgressDrawTarget::stderr(), verbosity, style)
        } else {
            Self::in_lines(Box::new(std::io::stderr()), verbosity, style)
        }
    }

    fn on_terminal(target: ProgressDrawTarget, verbosity: Verbosity, style: Style) -> Self {
        let all = MultiProgress::with_draw_target(target);
        Self { screen: Screen::Moving { all, running: HashMap::new() }, verbosity, style }
    }

    fn in_lines(out: Box<dyn Write + Send>, verbosity: Verbosity, style: Style) -> Self {
        Self { screen: Screen::Plain(out), verbosity, style }
    }

    /// Shows one event.
    pub fn show(&mut self, event: &Event) {
        if self.verbosity == Verbosity::Quiet {
            return;
        }
        match event {
            Event::Started { scenario } => self.started(scenario),
            Event::Phase { scenario, phase, total } => self.phase(scenario, *phase, *total),
            Event::Bytes { scenario, done } => self.bytes(scenario, *done),
            Event::Finished { record } => self.finished(record),
            Event::Note { text } => self.line(&one_line(text)),
        }
    }

    fn started(&mut self, scenario: &str) {
        let name = one_line(scenario);
        match &mut self.screen {
            Screen::Plain(_) => self.line(&format!("{name}: started")),
            Screen::Moving { all, running } => {
                let bar = all.add(ProgressBar::no_length().with_style(look(WAITS)).with_prefix(name));
                bar.enable_steady_tick(TICK);
                running.insert(scenario.to_owned(), bar);
            }
        }
    }

    fn phase(&mut self, scenario: &str, phase: Phase, total: Option<u64>) {
        let total = total.filter(|bytes| *bytes > 0);
        if let Screen::Moving { running, .. } = &self.screen
            && let Some(bar) = running.get(scenario)
        {
            bar.reset();
            bar.set_message(phase.name());
            bar.set_style(look(if total.is_some() { FLOWS_TO_AN_END } else { WAITS }));
            total.map_or_else(|| bar.unset_length(), |bytes| bar.set_length(bytes));
        }
        if self.verbosity == Verbosity::Verbose {
            let of = total.map(|bytes| format!(" ({})", Bytes(bytes))).unwrap_or_default();
            self.line(&format!("{}: {phase}{of}", one_line(scenario)));
        }
    }

    fn bytes(&self, scenario: &str, done: u64) {
        if let Screen::Moving { running, .. } = &self.screen
            && let Some(bar) = running.get(scenario)
        {
            if bar.length().is_none() && bar.position() == 0 {
                bar.set_style(look(FLOWS));
            }
            bar.set_position(done);
        }
    }

    fn finished(&mut self, record: &ScenarioRecord) {
        if let Screen::Moving { running, .. } = &mut self.screen
            && let Some(bar) = running.remove(&record.name)
        {
            bar.finish_and_clear();
        }
        self.line(&ended(record, self.style));
    }

    /// One line that stays. A stderr that is gone is no reason to stop a run.
    fn line(&mut self, text: &str) {
        let _ = match &mut self.screen {
            Screen::Moving { all, .. } => all.println(keep_start(text, self.style.width)),
            Screen::Plain(out) => writeln!(out, "{text}"),
        };
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if let Screen::Moving { all, running } = &mut self.screen {
            for (_, bar) in running.drain() {
                bar.finish_and_clear();
            }
            let _ = all.clear();
        }
    }
}

/// The templates are constants, so the fallback is never seen; a test reads them all.
fn look(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner()).tick_chars("|/-\\ ")
}

/// What is left of a scenario on the screen: `FAIL   bookmarked: the archive is damaged (1.3s)`.
fn ended(record: &ScenarioRecord, style: Style) -> String {
    let restored = || record.censuses.iter().find(|census| census.vantage == Vantage::Restored);
    let told = match record.verdict {
        Verdict::Pass => restored().map_or_else(|| record.depth.to_string(), |census| format!("{} came back", census.summary())),
        Verdict::Warn | Verdict::Error | Verdict::Fail => {
            reason(record).map_or_else(|| nothing_proven(record).to_owned(), |outcome| outcome.message.clone())
        }
    };
    let took = seconds(Some(record.seconds)).unwrap_or_default();
    let verdict = style.paint(record.verdict, &format!("{:<5}", word(record.verdict)));
    format!("{verdict}  {}: {} ({took})", one_line(&record.name), one_line(&told))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use indicatif::InMemoryTerm;
    use std::sync::{Arc, Mutex};

    const STYLE: Style = Style { colour: false, width: 80, quiet: false };

    fn events() -> Vec<Event> {
        let scenario = || "bookmarked".to_owned();
        let mut records = sample::evidence().scenarios;
        vec![
            Event::Started { scenario: scenario() },
            Event::Phase { scenario: scenario(), phase: Phase::Open, total: Some(2048) },
            Event::Bytes { scenario: scenario(), done: 1024 },
            Event::Note { text: "kept\u{1b}[2J: psql -h /tmp/x".into() },
            Event::Finished { record: Box::new(records.swap_remove(1)) },
        ]
    }

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("lock").write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn plain(verbosity: Verbosity) -> String {
        let written = Written::default();
        let mut live = Live::in_lines(Box::new(written.clone()), verbosity, STYLE);
        for event in &events() {
            live.show(event);
        }
        let bytes = written.0.lock().expect("lock").clone();
        String::from_utf8(bytes).expect("UTF-8")
    }

    #[test]
    fn without_a_terminal_there_is_a_line_when_it_starts_and_one_when_it_ends() {
        let ended = "FAIL   bookmarked: the archive is damaged: its data ends in the middle of table public.bookmarks (1.3s)";
        let note = "kept: psql -h /tmp/x";
        assert_eq!(plain(Verbosity::Normal), format!("bookmarked: started\n{note}\n{ended}\n"));
        assert_eq!(plain(Verbosity::Verbose), format!("bookmarked: started\nbookmarked: open (2 KiB)\n{note}\n{ended}\n"));
        assert_eq!(plain(Verbosity::Quiet), "");
    }

    #[test]
    fn on_a_terminal_a_running_scenario_is_one_moving_line_and_leaves_one() {
        let screen = InMemoryTerm::new(10, 80);
        let target = ProgressDrawTarget::term_like(Box::new(screen.clone()));
        let mut live = Live::on_terminal(target, Verbosity::Normal, STYLE);
        let events = events();
        for event in &events[..3] {
            live.show(event);
        }
        if let Screen::Moving { running, .. } = &live.screen {
            running["bookmarked"].force_draw();
        }
        let moving = screen.contents();
        assert!(moving.contains("bookmarked        open      1.00 KiB of 2.00 KiB, "), "{moving}");
        assert!(moving.ends_with(" left") && moving.lines().count() == 1, "{moving}");
        for event in &events[3..] {
            live.show(event);
        }
        drop(live);
        let left = screen.contents();
        assert!(left.starts_with("kept: psql -h /tmp/x\nFAIL   bookmarked: the archive is damaged"), "{left}");
        assert_eq!(left.lines().count(), 2, "{left}");
    }

    #[test]
    fn the_templates_are_understood() {
        for template in [WAITS, FLOWS, FLOWS_TO_AN_END] {
            ProgressStyle::with_template(template).expect(template);
        }
    }
}
