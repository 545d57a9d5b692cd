//! What a person sees: [`Live`] while the run goes on (on stderr), [`summary`] when it ended (on stdout).

mod layout;
mod live;
mod summary;
mod table;

pub use live::{Live, Verbosity};
pub use summary::summary;

use crate::check::Status;
use crate::verdict::Verdict;

/// How text is shown. Whoever calls knows the terminal and `NO_COLOR`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Whether verdicts are coloured.
    pub colour: bool,
    /// Columns to keep to, as far as words allow.
    pub width: usize,
    /// Whether only problems are shown.
    pub quiet: bool,
}

impl Style {
    /// The text in a verdict's colour.
    fn paint(self, verdict: Verdict, text: &str) -> String {
        let plain = console::Style::new().force_styling(self.colour);
        let style = match verdict {
            Verdict::Pass => plain.green(),
            Verdict::Warn => plain.yellow().bold(),
            Verdict::Error => plain.magenta().bold(),
            Verdict::Fail => plain.red().bold(),
        };
        style.apply_to(text).to_string()
    }

    /// The text where it matters less.
    fn dim(self, text: &str) -> String {
        console::Style::new().force_styling(self.colour).dim().apply_to(text).to_string()
    }
}

/// A verdict as it stands out.
const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "PASS",
        Verdict::Warn => "WARN",
        Verdict::Error => "ERROR",
        Verdict::Fail => "FAIL",
    }
}

/// The verdict that a single outcome leads to; a skipped one proves nothing.
const fn weight(status: Status) -> Verdict {
    match status {
        Status::Pass => Verdict::Pass,
        Status::Warn => Verdict::Warn,
        Status::Error | Status::Skipped => Verdict::Error,
        Status::Fail => Verdict::Fail,
    }
}
