//! What the process was started with: read once, in `main`, and passed down.

use crate::secret::Secrets;
use std::io::IsTerminal;
use std::path::PathBuf;

/// The surroundings of this process.
#[derive(Debug, Clone)]
pub struct Context {
    /// The working folder.
    pub cwd: PathBuf,
    /// Whether stderr is a terminal: live progress goes there.
    pub live: bool,
    /// Whether colours are wanted on stdout.
    pub colour: bool,
    /// Whether colours are wanted on stderr.
    pub colour_stderr: bool,
    /// Columns of the terminal behind stdout.
    pub width: usize,
    /// Reads secrets, and knows what must not be shown.
    pub secrets: Secrets,
}

/// Columns when stdout is no terminal.
const PLAIN_WIDTH: usize = 140;

impl Context {
    /// Reads the surroundings. `NO_COLOR` (any value but the empty one) turns colours off.
    ///
    /// # Errors
    /// The working folder is gone.
    pub fn read() -> std::io::Result<Self> {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|t| t == "dumb");
        let colour = !no_color && !dumb;
        let (stdout, stderr) = (std::io::stdout().is_terminal(), std::io::stderr().is_terminal());
        let columns = console::Term::stdout().size_checked().map(|(_, columns)| usize::from(columns));
        Ok(Self {
            cwd: std::env::current_dir()?,
            live: stderr && !dumb,
            colour: stdout && colour,
            colour_stderr: stderr && colour,
            secrets: Secrets::default(),
            width: columns.filter(|_| stdout).unwrap_or(PLAIN_WIDTH),
        })
    }
}
