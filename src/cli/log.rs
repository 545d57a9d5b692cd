//! The log on stderr: off by default beyond warnings, and never with a secret in it.

use super::Global;
use crate::secret::Secrets;
use std::io::Write;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// The variable with a filter of one's own, in the syntax of `tracing`: `assay=trace,aws_config=debug`.
const FILTER: &str = "ASSAY_LOG";

/// Starts the log.
pub fn start(global: &Global, colour: bool, secrets: Secrets) {
    let level = match global.verbose {
        0 => "assay=warn",
        1 => "assay=debug",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_env(FILTER).unwrap_or_else(|_| EnvFilter::new(level));
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colour).with_writer(Redacting { secrets }).init();
}

/// Writes to stderr what is left of a line without its secrets. The subscriber hands over one whole line per call.
struct Redacting {
    secrets: Secrets,
}

impl<'a> MakeWriter<'a> for Redacting {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Self::Writer {
        Line { secrets: &self.secrets }
    }
}

struct Line<'a> {
    secrets: &'a Secrets,
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let line = self.secrets.redact(&String::from_utf8_lossy(bytes));
        std::io::stderr().write_all(line.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().flush()
    }
}
