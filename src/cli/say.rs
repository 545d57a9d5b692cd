//! What the commands say. Nothing here panics over a terminal that went away, and no secret passes.

use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use std::io::{ErrorKind, Write};

impl Context {
    /// Prints a text on stdout, redacted. [`Exit::Unverified`] when it could not be delivered.
    #[must_use]
    pub fn print(&self, text: &str) -> Exit {
        print_as_it_is(&self.secrets.redact(text))
    }

    /// Says on stderr what is wrong, redacted: lines in the form of every message.
    pub fn complain(&self, text: &str) {
        // Where stderr is gone too, the exit code is all that is left.
        let _ = writeln!(std::io::stderr().lock(), "{}", self.secrets.redact(text.trim_end()));
    }

    /// Says an error on stderr: what, the lines that prove it, what to do.
    pub fn explain(&self, error: &Error) {
        let evidence = error.evidence.iter().map(|line| format!("  | {line}"));
        let hint = error.hint.iter().map(|hint| format!("  = help: {hint}"));
        let lines: Vec<_> = std::iter::once(format!("error: {}", error.message)).chain(evidence).chain(hint).collect();
        self.complain(&lines.join("\n"));
    }
}

/// Prints a text that holds no secret any more, such as JSON. A reader that went away (`| head`) is no error.
pub fn print_as_it_is(text: &str) -> Exit {
    let text = text.trim_end();
    if text.is_empty() {
        return Exit::Passed;
    }
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Exit::Unverified,
        _ => Exit::Passed,
    }
}
