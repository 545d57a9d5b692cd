//! What a script must be changed into so that a server that is not its own can run it. Pure.

use std::collections::BTreeSet;

/// The changes to make. Each can be off; when all are, a script passes through byte for byte.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// Make the roles that the script names and nobody made; leave out those that are there.
    pub roles: Option<Roles>,
    /// Leave out what drops something before anything is made, as `--clean` does. The set holds the schemas and extensions that
    /// are there already: those are dropped.
    pub clean: Option<BTreeSet<String>>,
    /// Fit `CREATE DATABASE` to the server; leave `postgres` and the templates alone.
    pub databases: Option<Databases>,
    /// `\connect` keeps nothing but the database; commands of psql that reach further are left out, and so is `COPY ... PROGRAM`.
    pub commands: bool,
    /// Leave out the statements that make these extensions or say something of them.
    pub without_extensions: BTreeSet<String>,
    /// Leave out tablespaces: everything goes into the default one.
    pub tablespaces: bool,
}

/// The roles of the server.
#[derive(Debug, Clone, Default)]
pub struct Roles {
    /// Those that are there. Those that are made are added.
    pub known: BTreeSet<String>,
    /// The one that runs the script. No statement changes or drops it.
    pub superuser: String,
}

/// The databases of the server.
#[derive(Debug, Clone, Default)]
pub struct Databases {
    /// Those that are there. Those that are made are added.
    pub known: BTreeSet<String>,
    /// Which locales a database can have.
    pub locales: Locales,
}

/// The locales of a server. An empty one has `C` and `POSIX`, as every server.
#[derive(Debug, Clone, Default)]
pub struct Locales {
    /// Names of libc's, as in `pg_collation.collcollate`.
    pub libc: BTreeSet<String>,
    /// It was built with ICU.
    pub icu: bool,
    /// It has the provider `builtin`: `PostgreSQL` 17 and later.
    pub builtin: bool,
}

impl Rules {
    /// Whether a script passes through unchanged.
    #[must_use]
    pub fn none(&self) -> bool {
        let all_extensions = self.without_extensions.is_empty();
        all_extensions
            && self.roles.is_none()
            && self.clean.is_none()
            && self.databases.is_none()
            && !self.commands
            && !self.tablespaces
    }
}

impl Locales {
    /// Whether libc here knows a locale, in any spelling of its encoding (`de_DE.UTF-8`, `de_DE.utf8`).
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        let wanted = spelled(name);
        ["c", "posix"].contains(&wanted.as_str()) || self.libc.iter().any(|known| spelled(known) == wanted)
    }

    /// What replaces a locale that is not here, in a database of this encoding: with the most of Unicode that there is.
    #[must_use]
    pub fn substitute(&self, utf8: bool) -> &'static str {
        if utf8 && self.has("C.UTF-8") { "C.UTF-8" } else { "C" }
    }
}

/// Without case and punctuation behind the dot.
fn spelled(locale: &str) -> String {
    let (name, encoding) = locale.split_once('.').unwrap_or((locale, ""));
    let encoding: String = encoding.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("{name}.{encoding}").trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_has_many_spellings() {
        let locales = Locales { libc: ["C.utf8".to_owned(), "de_DE.UTF-8".to_owned()].into(), ..Locales::default() };
        for (name, has) in
            [("C", true), ("POSIX", true), ("C.UTF-8", true), ("de_DE.utf8", true), ("de_DE", false), ("fr_FR.utf8", false)]
        {
            assert_eq!(locales.has(name), has, "{name}");
        }
        assert_eq!((locales.substitute(true), locales.substitute(false)), ("C.UTF-8", "C"));
        assert_eq!(Locales::default().substitute(true), "C");
    }
}
