//! `CREATE DATABASE` for a server that may not have the dump's locale. Pure.
//!
//! The name, the encoding and the template stay, so that the bytes fit as before. A locale that the server does not have is
//! replaced by `C.UTF-8` where it is there, or by `C`, which fits every encoding: text sorts otherwise, and no row changes.

use super::rules::Locales;
use crate::pgdump::sql::{PieceKind, Statement};
use std::ops::Range;

/// An option and where it stands.
#[derive(Debug)]
struct Choice {
    key: String,
    value: String,
    place: Range<u64>,
}

/// A new end of the statement.
#[derive(Debug, PartialEq, Eq)]
pub struct Fitted {
    /// What it replaces.
    pub place: Range<u64>,
    pub with: String,
    /// What was changed, if it can make a difference.
    pub note: Option<String>,
}

/// Options that only say which locale, or a version of it that another server does not have.
const LOCALE: &[&str] =
    &["locale", "lc_collate", "lc_ctype", "locale_provider", "icu_locale", "icu_rules", "builtin_locale", "collation_version"];

/// Fits a `CREATE DATABASE` to the server; `None`: it is to stay as it is.
pub fn fit(statement: &Statement, locales: &Locales, tablespaces: bool) -> Option<Fitted> {
    let choices = choices(statement);
    let get = |key: &str| choices.iter().find(|it| it.key == key).map(|it| it.value.as_str());
    let tablespace = get("tablespace").filter(|_| tablespaces);
    let unknown = choices.iter().filter(|it| LOCALE.contains(&it.key.as_str())).any(|it| !is_here(it, locales));
    if !unknown && tablespace.is_none() {
        return None;
    }
    let utf8 = get("encoding").is_none_or(|name| name.eq_ignore_ascii_case("utf8") || name.eq_ignore_ascii_case("utf-8"));
    let was = ["icu_locale", "builtin_locale", "locale", "lc_collate"].iter().find_map(|key| get(key)).unwrap_or("?");
    let substitute = locales.substitute(utf8);
    let (mut first, mut all) = (true, Vec::new());
    for choice in &choices {
        match choice.key.as_str() {
            "tablespace" if tablespaces => {}
            key if unknown && LOCALE.contains(&key) => {
                if std::mem::take(&mut first) {
                    all.push(format!("LC_COLLATE = '{substitute}' LC_CTYPE = '{substitute}'"));
                }
            }
            "connection_limit" => all.push(format!("CONNECTION LIMIT = {}", choice.value)),
            key => all.push(format!("{} = {}", key.to_uppercase(), written(key, &choice.value))),
        }
    }
    let place = choices.first()?.place.start..choices.last()?.place.end;
    let note = unknown.then(|| format!("this server does not have the locale {was}: {substitute} was taken instead"));
    Some(Fitted { place, with: all.join(" "), note })
}

/// The options: `KEY [=] VALUE`, where `CONNECTION LIMIT` is a key.
fn choices(statement: &Statement) -> Vec<Choice> {
    let text = |at: usize| String::from_utf8_lossy(statement.text(at)).into_owned();
    let mut at = statement.behind(3, &["with"]);
    let mut all = Vec::new();
    while let Some(piece) = statement.pieces().get(at) {
        let mut key = text(at).to_ascii_lowercase();
        if statement.is(at, "connection") && statement.is(at + 1, "limit") {
            key.push_str("_limit");
            at += 1;
        }
        at += 1 + usize::from(statement.is_sign(at + 1, b'='));
        let minus = usize::from(statement.is_sign(at, b'-'));
        let Some(end) = statement.pieces().get(at + minus) else { break };
        let sign = if minus == 1 { "-" } else { "" };
        all.push(Choice {
            key,
            value: sign.to_owned() + &quoted(&text(at + minus), end.kind),
            place: piece.place.start..end.place.end,
        });
        at += minus + 1;
    }
    all
}

/// A value without its quotes, except for a quoted name: it could be a keyword without.
fn quoted(text: &str, kind: PieceKind) -> String {
    if kind == PieceKind::Name { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

/// A value as it must be written: texts in quotes, names and numbers as they were.
fn written(key: &str, value: &str) -> String {
    let text = matches!(key, "encoding" | "strategy") || LOCALE.contains(&key);
    if text { format!("'{}'", value.replace('\'', "''")) } else { value.to_owned() }
}

/// Whether the server can do this.
fn is_here(choice: &Choice, locales: &Locales) -> bool {
    match choice.key.as_str() {
        "locale" | "lc_collate" | "lc_ctype" => locales.has(&choice.value),
        "locale_provider" => match choice.value.to_ascii_lowercase().as_str() {
            "icu" => locales.icu,
            "builtin" => locales.builtin,
            _ => true,
        },
        "icu_locale" | "icu_rules" => locales.icu,
        "builtin_locale" => locales.builtin,
        "collation_version" => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pgdump::sql::{Lexer, Token};

    fn fitted(script: &str, locales: &Locales) -> Option<String> {
        let (mut statement, mut fitted) = (Statement::default(), None);
        Lexer::default().push(script.as_bytes(), &mut |token, place| match token {
            Token::End => fitted = fit(&statement, locales, true),
            token => statement.take(&token, &place),
        });
        let Fitted { place, with, .. } = fitted?;
        let at = |place: u64| usize::try_from(place).expect("a place");
        Some([&script[..at(place.start)], &with, &script[at(place.end)..]].concat())
    }

    #[test]
    fn a_locale_that_is_not_here_is_replaced_and_the_rest_stays() {
        let here = Locales { libc: ["C.utf8".to_owned(), "de_DE.utf8".to_owned()].into(), icu: false, builtin: false };
        for (script, expected) in [
            (
                "CREATE DATABASE a WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE_PROVIDER = libc LOCALE = 'de_DE.UTF-8';",
                None,
            ),
            ("CREATE DATABASE a;", None),
            (
                "CREATE DATABASE a WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE_PROVIDER = libc LOCALE = 'fr_FR.UTF-8';",
                Some(
                    "CREATE DATABASE a WITH TEMPLATE = template0 ENCODING = 'UTF8' LC_COLLATE = 'C.UTF-8' LC_CTYPE = 'C.UTF-8';",
                ),
            ),
            (
                "CREATE DATABASE \"a b\" WITH ENCODING = 'LATIN1' LC_COLLATE = 'fr_FR' LC_CTYPE = 'C' TABLESPACE = \"x y\" CONNECTION LIMIT = -1;",
                Some("CREATE DATABASE \"a b\" WITH ENCODING = 'LATIN1' LC_COLLATE = 'C' LC_CTYPE = 'C' CONNECTION LIMIT = -1;"),
            ),
            (
                "CREATE DATABASE a OWNER \"B c\" LOCALE_PROVIDER icu ICU_LOCALE 'de' LOCALE 'C' IS_TEMPLATE true;",
                Some("CREATE DATABASE a OWNER = \"B c\" LC_COLLATE = 'C.UTF-8' LC_CTYPE = 'C.UTF-8' IS_TEMPLATE = true;"),
            ),
        ] {
            assert_eq!(fitted(script, &here).as_deref(), expected, "{script}");
        }
    }
}
