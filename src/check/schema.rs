//! `schema`: the shape of the restored database against a reviewed reference. [`Subject::shape`](crate::subject::Subject::shape)
//! reads the shape, [`run::reference`](crate::run::reference) reads and writes the file, this compares.
//!
//! # The file
//!
//! Text, one line per thing: `kind name: definition`, for example `column shop.items.price: numeric(10,2), not null`. Names are
//! quoted as SQL wants them, `\`, line breaks and tabs in a line are `\\`, `\n`, `\r` and `\t`. Lines that begin with `#` and
//! blank lines mean nothing. The order of the lines matters for one thing only: the columns of a table stand in their order.

use super::{Outcome, Status};
use crate::report::text::counted;
use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::path::PathBuf;

/// `schema: { reference, on_change }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaCheck {
    /// The reference file, absolute.
    pub reference: PathBuf,
    /// The same as the scenario names it.
    pub named: String,
    /// Whether a difference is only a warning.
    pub warn_only: bool,
}

/// One thing of a shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thing {
    /// What it is, in one word: `table`, `column`, `materialized-view`.
    pub kind: String,
    /// Its name, quoted as SQL wants it.
    pub name: String,
    /// How it is defined; empty when there is nothing to say.
    pub definition: String,
}

/// The shape of a database, in the order of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shape(pub Vec<Thing>);

/// One difference between the reference and what came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// It is not in the reference.
    Added(Thing),
    /// It is in the reference alone.
    Missing(Thing),
    /// Both have it, and not alike: the reference's definition, and what came back.
    Changed {
        /// What it is and how it is called.
        thing: String,
        /// How the reference defines it.
        reference: String,
        /// How it came back.
        restored: String,
    },
}

/// The name of this check in reports: a scenario has one of them.
pub const NAME: &str = "schema";

/// Differences that are listed one by one; their number is told anyway.
const SHOWN: usize = 200;

impl Shape {
    /// Reads a reference file.
    ///
    /// # Errors
    /// The number of the line that is none of a reference, and what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, (usize, &'static str)> {
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
        let things: Result<Vec<Thing>, _> =
            lines.map(|(number, line)| thing(line).map_err(|reason| (number + 1, reason))).collect();
        let things = things?;
        let mut seen = std::collections::HashSet::new();
        match things.iter().position(|thing| !seen.insert((&thing.kind, &thing.name))) {
            Some(_) if things.is_empty() => Ok(Self::default()),
            Some(twice) => Err((number_of(text, &things[twice]), "this thing is there twice")),
            None => Ok(Self(things)),
        }
    }

    /// The reference file with its explanation at the top.
    #[must_use]
    pub fn to_file(&self) -> String {
        let mut text = String::from(
            "# The shape of a restored database, for the check `schema`. Written by `assay run --write-reference`.\n\
             # One line per thing; columns stand in their order. Review what changes in here as you review a migration.\n",
        );
        for thing in &self.0 {
            // A String takes whatever is written to it.
            let _ = writeln!(text, "{thing}");
        }
        text
    }
}

/// The last line that says this thing.
fn number_of(text: &str, thing: &Thing) -> usize {
    let line = thing.to_string();
    text.lines().enumerate().filter(|(_, other)| *other == line).map(|(number, _)| number + 1).last().unwrap_or_default()
}

fn thing(line: &str) -> Result<Thing, &'static str> {
    let line = unescaped(line).ok_or("a backslash is followed by n, r, t or another backslash")?;
    let (head, definition) = match outside_quotes(&line, ": ") {
        Some(at) => (&line[..at], &line[at + 2..]),
        None => (line.as_str(), ""),
    };
    let (kind, name) =
        outside_quotes(head, " ").map(|at| (&head[..at], &head[at + 1..])).ok_or("a line is `kind name: definition`")?;
    Ok(Thing { kind: kind.to_owned(), name: name.to_owned(), definition: definition.to_owned() })
}

/// Where a text stands that is in no quoted name.
fn outside_quotes(line: &str, text: &str) -> Option<usize> {
    line.match_indices(text).map(|(at, _)| at).find(|at| line[..*at].matches('"').count().is_multiple_of(2))
}

/// The line of the file.
impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let colon = if self.definition.is_empty() { "" } else { ": " };
        f.write_str(&escaped(&format!("{} {}{colon}{}", self.kind, self.name, self.definition)))
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r").replace('\t', "\\t")
}

fn unescaped(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.push(match c {
            '\\' => match chars.next()? {
                '\\' => '\\',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                _ => return None,
            },
            c => c,
        });
    }
    Some(out)
}

/// What differs, in the order of the shapes: first what came back, then what is missing.
#[must_use]
pub fn compare(reference: &Shape, restored: &Shape) -> Vec<Difference> {
    fn by_name(shape: &Shape) -> BTreeMap<(&str, &str), &Thing> {
        shape.0.iter().map(|thing| ((thing.kind.as_str(), thing.name.as_str()), thing)).collect()
    }
    let (expected, found) = (by_name(reference), by_name(restored));
    let mut differences = Vec::new();
    for thing in &restored.0 {
        match expected.get(&(thing.kind.as_str(), thing.name.as_str())) {
            None => differences.push(Difference::Added(thing.clone())),
            Some(other) if other.definition != thing.definition => differences.push(Difference::Changed {
                thing: format!("{} {}", thing.kind, thing.name),
                reference: other.definition.clone(),
                restored: thing.definition.clone(),
            }),
            Some(_) => {}
        }
    }
    let missing = reference.0.iter().filter(|thing| !found.contains_key(&(thing.kind.as_str(), thing.name.as_str())));
    differences.extend(missing.cloned().map(Difference::Missing));
    differences.extend(orders(reference, restored));
    differences
}

/// Tables whose columns stand in another order. Columns that one side lacks are told already.
fn orders(reference: &Shape, restored: &Shape) -> Vec<Difference> {
    let (expected, found) = (columns(reference), columns(restored));
    let mut differences = Vec::new();
    for (table, names) in &found {
        let Some(others) = expected.get(table) else { continue };
        let common = |names: &[&str], others: &[&str]| -> Vec<String> {
            names.iter().filter(|name| others.contains(*name)).map(|name| (*name).to_owned()).collect()
        };
        let (before, now) = (common(others, names), common(names, others));
        if before != now {
            let thing = format!("order of the columns of {table}");
            differences.push(Difference::Changed { thing, reference: before.join(", "), restored: now.join(", ") });
        }
    }
    differences
}

/// The columns of each table in the order of the shape.
fn columns(shape: &Shape) -> BTreeMap<&str, Vec<&str>> {
    let mut tables: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for thing in shape.0.iter().filter(|thing| thing.kind == "column") {
        if let Some((table, column)) = split_last(&thing.name) {
            tables.entry(table).or_default().push(column);
        }
    }
    tables
}

/// `schema.table` and `column`, where quoted names may have dots in them.
fn split_last(name: &str) -> Option<(&str, &str)> {
    let at = name.rmatch_indices('.').map(|(at, _)| at).find(|at| name[..*at].matches('"').count().is_multiple_of(2))?;
    Some((&name[..at], &name[at + 1..]))
}

/// How much of a long definition is shown.
const LONG: usize = 160;

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added(thing) => write!(f, "added: {}", clipped(&thing.to_string(), 0)),
            Self::Missing(thing) => write!(f, "missing: {}", clipped(&thing.to_string(), 0)),
            Self::Changed { thing, reference, restored } => {
                let same = reference.chars().zip(restored.chars()).take_while(|(a, b)| a == b).count();
                let (reference, restored) = (clipped(reference, same), clipped(restored, same));
                f.write_str(&escaped(&format!("changed: {thing}: {reference} -> {restored}")))
            }
        }
    }
}

/// A long text around the place that matters.
fn clipped(text: &str, place: usize) -> String {
    let length = text.chars().count();
    if text.is_empty() {
        return "(nothing)".to_owned();
    }
    if length <= LONG {
        return text.to_owned();
    }
    let from = place.saturating_sub(LONG / 4).min(length - LONG);
    let middle: String = text.chars().skip(from).take(LONG).collect();
    let (before, behind) = (if from > 0 { "... " } else { "" }, if from + LONG < length { " ..." } else { "" });
    format!("{before}{middle}{behind}")
}

/// Judges the differences.
#[must_use]
pub fn judge(check: &SchemaCheck, reference: &Shape, restored: &Shape) -> Outcome {
    let differences = compare(reference, restored);
    let expected = format!("as in {}", check.named);
    let Some(first) = differences.first() else {
        let same = format!("{} as in {}", counted(restored.0.len(), "thing"), check.named);
        return Outcome::new(NAME, Status::Pass, same).values("no difference", expected);
    };
    let status = if check.warn_only { Status::Warn } else { Status::Fail };
    let others = differences.len() - 1;
    let more = if others == 0 { String::new() } else { format!(" (and {others} more)") };
    Outcome::new(NAME, status, format!("{first}{more}"))
        .values(counted(differences.len(), "difference"), expected)
        .evidence(shown(&differences))
        .hint(
            "If the change was meant, run `assay run NAME --write-reference` and review what it changes in the file; if not, the backup \
             is not of the database that it should be of.",
        )
}

/// The differences as lines.
#[must_use]
pub fn shown(differences: &[Difference]) -> Vec<String> {
    let mut lines: Vec<String> = differences.iter().take(SHOWN).map(Difference::to_string).collect();
    if differences.len() > SHOWN {
        lines.push(format!("... and {} more", differences.len() - SHOWN));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(lines: &str) -> Shape {
        Shape::parse(lines).expect("a reference")
    }

    fn check() -> SchemaCheck {
        SchemaCheck { reference: "/x/shop.schema".into(), named: "shop.schema".into(), warn_only: false }
    }

    #[test]
    fn a_file_says_what_the_shape_said() {
        let thing = |kind: &str, name: &str, definition: &str| Thing {
            kind: kind.into(),
            name: name.into(),
            definition: definition.into(),
        };
        let shape = Shape(vec![
            thing("schema", "shop", ""),
            thing("table", "shop.\"a: b\nc\"", "ordinary"),
            thing("column", "shop.\"a: b\nc\".\"tab\t\\n\"", "text, default 'x: y'"),
            thing("function", "shop.\"f g\"(integer, text)", "returns integer"),
        ]);
        assert_eq!(Shape::parse(&shape.to_file()), Ok(shape.clone()));
        assert_eq!(shape.to_file().lines().count(), 2 + 4);
    }

    #[test]
    fn a_file_that_is_none_is_refused_with_its_line() {
        assert_eq!(Shape::parse("schema a\n\n# b\nx\n"), Err((4, "a line is `kind name: definition`")));
        assert_eq!(Shape::parse("schema a\nschema \\b\n").expect_err("a backslash").0, 2);
        assert_eq!(Shape::parse("schema a\nschema b\nschema a\n"), Err((3, "this thing is there twice")));
    }

    #[test]
    fn every_kind_of_difference_is_named() {
        let reference = shape("table s.t: ordinary\ncolumn s.t.a: integer\ncolumn s.t.b: text\ncolumn s.t.c: text\n");
        let restored = shape("table s.t: ordinary\ncolumn s.t.b: text\ncolumn s.t.a: bigint\ncolumn s.t.d: text\n");
        let told: Vec<String> = compare(&reference, &restored).iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "changed: column s.t.a: integer -> bigint",
                "added: column s.t.d: text",
                "missing: column s.t.c: text",
                "changed: order of the columns of s.t: a, b -> b, a",
            ]
        );
        assert_eq!(compare(&reference, &reference), []);
    }

    #[test]
    fn a_difference_fails_or_warns_as_the_scenario_says() {
        let (reference, restored) = (shape("schema a\n"), shape("schema b\n"));
        assert_eq!(judge(&check(), &reference, &reference).status, Status::Pass);
        let outcome = judge(&check(), &reference, &restored);
        assert_eq!((outcome.status, outcome.message.as_str()), (Status::Fail, "added: schema b (and 1 more)"));
        assert_eq!(outcome.evidence, ["added: schema b", "missing: schema a"]);
        assert_eq!(judge(&SchemaCheck { warn_only: true, ..check() }, &reference, &restored).status, Status::Warn);
    }

    #[test]
    fn a_long_definition_is_shown_where_it_differs() {
        let long = |end: &str| shape(&format!("view a.v: {}{end}\n", "x".repeat(1000)));
        let told = compare(&long("one"), &long("two"))[0].to_string();
        assert!(told.len() < 500 && told.contains("xone -> ") && told.ends_with("xtwo"), "{told}");
    }
}
