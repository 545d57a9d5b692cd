//! Exit codes: an interface for CronJobs and CI, so they live here and nowhere else.

/// How a call of `assay` ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All passed; warnings are allowed unless `--deny-warnings`.
    Passed,
    /// At least one backup failed. Beats [`Exit::Unverified`].
    BackupFailed,
    /// A wrong command line, or an invalid scenario or configuration file.
    Usage,
    /// At least one backup could not be verified, or a report could not be delivered.
    Unverified,
    /// Nothing was selected, so nothing was proven.
    NothingRan,
    /// Stopped by SIGINT, after teardown.
    Interrupted,
    /// Stopped by SIGTERM, after teardown.
    Terminated,
}

impl Exit {
    /// The number that the process returns.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::BackupFailed => 1,
            Self::Usage => 2,
            Self::Unverified => 3,
            Self::NothingRan => 4,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

impl Exit {
    /// This exit, or the other one when this is green.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        if self == Self::Passed { other } else { self }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_an_interface() {
        let all = [
            (Exit::Passed, 0),
            (Exit::BackupFailed, 1),
            (Exit::Usage, 2),
            (Exit::Unverified, 3),
            (Exit::NothingRan, 4),
            (Exit::Interrupted, 130),
            (Exit::Terminated, 143),
        ];
        for (exit, code) in all {
            assert_eq!(exit.code(), code, "{exit:?}");
        }
    }
}
