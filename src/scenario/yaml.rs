//! From YAML to [`Node`]s.
//!
//! The tree is built from the parser's events under budgets (depth, nodes, aliases), so that no file, however hostile, costs
//! more than a little memory. What the parser cannot read is told in our words ([`super::yaml_error`]).

use super::node::{Entry, Node, Value, Weight, merge};
use super::source::{MOST_PROBLEMS, Place, Problem, line_of};
use super::yaml_error;
use granit_parser::{Event, Parser, ScalarStyle, Span, StrInput, Tag};
use std::borrow::Cow;
use std::collections::HashMap;

/// Deeper nesting is refused. The format itself needs six levels.
pub(super) const MAX_DEPTH: usize = 32;

/// More nodes in a file, aliases expanded, are refused: some thousand scenarios have fewer.
const MAX_NODES: usize = 200_000;

/// What a file came to.
#[derive(Debug, Default)]
pub struct Parsed {
    /// Its documents without the empty ones.
    pub documents: Vec<Node>,
    /// What is wrong with it as YAML.
    pub problems: Vec<Problem>,
    /// Whether all of it could be read.
    pub complete: bool,
}

/// Reads all documents of a file. After one that is broken, the ones behind it are read all the same.
#[must_use]
pub fn parse(text: &str) -> Parsed {
    let options = granit_parser::options! {
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut parser = Parser::with_options(StrInput::new(text), options);
    let mut builder = Builder::new(text);
    let mut parsed = Parsed { complete: true, ..Parsed::default() };
    loop {
        let problem = match parser.next_event() {
            None => break,
            Some(Ok((event, span))) => match builder.event(event, place(&span)) {
                Ok(()) => continue,
                Err(problem) => problem,
            },
            Some(Err(error)) => yaml_error::explain(&error, text),
        };
        builder.problems.push(problem);
        builder.abandon();
        parsed.complete = false;
        if !matches!(parser.proceed_next_document(), Ok(true)) || builder.nodes > MAX_NODES {
            break;
        }
    }
    parsed.documents = builder.documents;
    parsed.problems = builder.problems;
    parsed
}

fn place(span: &Span) -> Place {
    let range = span.byte_range().unwrap_or_default();
    Place { start: range.start, end: range.end.max(range.start) }
}

/// A collection that is not closed yet.
struct Open {
    place: Place,
    anchor: usize,
    kind: OpenKind,
}

enum OpenKind {
    Sequence(Vec<Node>),
    /// The entries, and a key that still waits for its value.
    Mapping(Vec<Entry>, Option<Node>),
}

struct Builder<'t> {
    text: &'t str,
    documents: Vec<Node>,
    problems: Vec<Problem>,
    stack: Vec<Open>,
    /// By anchor: the node, how many nodes it has and how deep it is.
    anchors: HashMap<usize, (Node, Weight)>,
    nodes: usize,
}

impl<'t> Builder<'t> {
    fn new(text: &'t str) -> Self {
        Self { text, documents: Vec::new(), problems: Vec::new(), stack: Vec::new(), anchors: HashMap::new(), nodes: 0 }
    }

    fn event(&mut self, event: Event<'_>, place: Place) -> Result<(), Problem> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let value = self.scalar(text, style, tag.as_deref(), place);
                self.count(1, place)?;
                self.finish(Node { place, value }, anchor)
            }
            Event::SequenceStart(_, anchor, tag) => self.open(OpenKind::Sequence(Vec::new()), anchor, tag.as_deref(), place),
            Event::MappingStart(_, anchor, tag) => self.open(OpenKind::Mapping(Vec::new(), None), anchor, tag.as_deref(), place),
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(id) => self.alias(id, place),
            Event::DocumentEnd => {
                self.anchors.clear();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Forgets the document that cannot be read to its end.
    fn abandon(&mut self) {
        self.stack.clear();
        self.anchors.clear();
    }

    fn count(&mut self, nodes: usize, place: Place) -> Result<(), Problem> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes <= MAX_NODES {
            return Ok(());
        }
        Err(Problem::new(place, format!("the file has more than {MAX_NODES} values, aliases expanded"))
            .hint("Split the file, or repeat less with anchors and aliases."))
    }

    fn scalar(&mut self, text: Cow<'_, str>, style: ScalarStyle, tag: Option<&Tag>, place: Place) -> Value {
        self.refuse_tag(tag, place);
        let as_text = tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
        let plain = matches!(style, ScalarStyle::Plain) && !as_text;
        if plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL") {
            return Value::Null;
        }
        Value::Scalar { text: text.into_owned(), plain }
    }

    fn refuse_tag(&mut self, tag: Option<&Tag>, place: Place) {
        if let Some(tag) = tag.filter(|tag| !tag.is_yaml_core_schema()) {
            self.problems.push(
                Problem::new(place, format!("the tag `{}` means nothing here", tag.original()))
                    .hint("Remove it. Secrets are references: `{ env: NAME }` or `{ file: PATH }`."),
            );
        }
    }

    fn open(&mut self, kind: OpenKind, anchor: usize, tag: Option<&Tag>, place: Place) -> Result<(), Problem> {
        self.refuse_tag(tag, place);
        self.count(1, place)?;
        if self.stack.len() >= MAX_DEPTH {
            return Err(yaml_error::too_deep(place));
        }
        // A collection is shown by the key that it stands behind.
        let key = self.stack.last().and_then(|open| match &open.kind {
            OpenKind::Mapping(_, Some(key)) => Some(key.place),
            _ => None,
        });
        self.stack.push(Open { place: key.unwrap_or(place), anchor, kind });
        Ok(())
    }

    fn close(&mut self) -> Result<(), Problem> {
        let Some(Open { mut place, anchor, kind }) = self.stack.pop() else { return Ok(()) };
        let value = match kind {
            OpenKind::Sequence(items) => Value::Sequence(items),
            OpenKind::Mapping(entries, _) => {
                let entries = merge(self.unique(entries), &mut self.problems);
                if place.start == place.end {
                    // A document, or an item of a list: shown by its first key.
                    place = entries.first().map_or(place, |entry| entry.key_place);
                }
                Value::Mapping(entries)
            }
        };
        self.finish(Node { place, value }, anchor)
    }

    fn alias(&mut self, id: usize, place: Place) -> Result<(), Problem> {
        let Some((node, weight)) = self.anchors.get(&id) else {
            return Err(Problem::new(place, "an anchor cannot contain itself"));
        };
        if self.stack.len() + weight.depth > MAX_DEPTH {
            return Err(yaml_error::too_deep(place));
        }
        let nodes = weight.nodes;
        // A repeated scalar is shown where it is repeated; what is inside a collection, where it is written.
        let node = Node { place, value: node.value.clone() };
        self.count(nodes, place)?;
        self.finish(node, 0)
    }

    /// Puts a whole node where it belongs.
    fn finish(&mut self, node: Node, anchor: usize) -> Result<(), Problem> {
        if anchor != 0 {
            let weight = node.weight();
            // The copy that is kept costs memory too.
            self.count(weight.nodes, node.place)?;
            self.anchors.insert(anchor, (node.clone(), weight));
        }
        match self.stack.last_mut().map(|open| &mut open.kind) {
            None if node.value == Value::Null => {}
            None => self.documents.push(node),
            Some(OpenKind::Sequence(items)) => items.push(node),
            Some(OpenKind::Mapping(_, key @ None)) => *key = Some(node),
            Some(OpenKind::Mapping(entries, key)) => {
                match key.take() {
                    Some(Node { value: Value::Scalar { text, .. }, place }) => {
                        entries.push(Entry { key: text, key_place: place, node });
                    }
                    other => {
                        let place = other.map_or(node.place, |key| key.place);
                        self.problems.push(Problem::new(place, "a key must be a word").hint(
                            "Braces and brackets start a mapping or a list in YAML: put text that begins with one in quotes.",
                        ));
                    }
                }
            }
        }
        Ok(())
    }

    /// Keeps the first of each key and tells of the others.
    fn unique(&mut self, entries: Vec<Entry>) -> Vec<Entry> {
        let mut first: HashMap<String, Place> = HashMap::new();
        let mut kept = Vec::with_capacity(entries.len());
        for entry in entries {
            match first.get(&entry.key) {
                Some(_) if self.problems.len() >= MOST_PROBLEMS => {}
                Some(place) => self.problems.push(
                    Problem::new(entry.key_place, format!("duplicate key `{}`", entry.key))
                        .hint(format!("It is already set in line {}; keep one of them.", line_of(self.text, place.start))),
                ),
                None => {
                    first.insert(entry.key.clone(), entry.key_place);
                    kept.push(entry);
                }
            }
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tree in a short form: `{a: [1, "x"], b: ~}`.
    fn show(node: &Node) -> String {
        match &node.value {
            Value::Null => "~".to_owned(),
            Value::Scalar { text, plain: true } => text.clone(),
            Value::Scalar { text, plain: false } => format!("{text:?}"),
            Value::Sequence(items) => format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(", ")),
            Value::Mapping(entries) => {
                let entries: Vec<_> = entries.iter().map(|e| format!("{}: {}", e.key, show(&e.node))).collect();
                format!("{{{}}}", entries.join(", "))
            }
        }
    }

    fn documents(text: &str) -> Vec<String> {
        let parsed = parse(text);
        assert_eq!(parsed.problems, [], "{text}");
        parsed.documents.iter().map(show).collect()
    }

    fn messages(text: &str) -> Vec<String> {
        parse(text).problems.into_iter().map(|p| p.message).collect()
    }

    #[test]
    fn documents_become_trees() {
        assert_eq!(documents("a: [1, \"x\"]\nb: ~\nc:\n- d: !!str 5\n"), ["{a: [1, \"x\"], b: ~, c: [{d: \"5\"}]}"]);
        assert_eq!(documents("a: 1\n---\n# nothing\n---\nb: 2\n...\n"), ["{a: 1}", "{b: 2}"]);
        assert_eq!(documents("").len() + documents("# only a comment\n").len() + documents("---\n").len(), 0);
    }

    #[test]
    fn anchors_and_merge_keys_are_expanded() {
        assert_eq!(documents("a: &x {k: 1, l: 2}\nb: *x\n"), ["{a: {k: 1, l: 2}, b: {k: 1, l: 2}}"]);
        assert_eq!(documents("a: &x {k: 1, l: 2}\nb: {<<: *x, k: 3}\n"), ["{a: {k: 1, l: 2}, b: {k: 3, l: 2}}"]);
        assert_eq!(messages("a: {<<: 5}\n"), ["`<<` needs a mapping"]);
        assert_eq!(messages("a: &x [*x]\n"), ["an anchor cannot contain itself"]);
    }

    #[test]
    fn places_are_those_of_scalars_and_of_keys() {
        let text = "a:\n  b: [c]\n";
        let parsed = parse(text);
        let Value::Mapping(entries) = &parsed.documents[0].value else { panic!("{parsed:?}") };
        let slice = |place: Place| &text[place.start..place.end];
        assert_eq!(slice(entries[0].node.place), "a");
        let Value::Mapping(inner) = &entries[0].node.value else { panic!("{parsed:?}") };
        assert_eq!((slice(inner[0].key_place), slice(inner[0].node.place)), ("b", "b"));
        let Value::Sequence(items) = &inner[0].node.value else { panic!("{parsed:?}") };
        assert_eq!(slice(items[0].place), "c");
    }

    #[test]
    fn budgets_hold() {
        let deep = |n: usize| format!("a: {}{}\n", "[".repeat(n), "]".repeat(n));
        assert_eq!(messages(&deep(MAX_DEPTH - 1)), [""; 0]);
        let blocks: Vec<String> = (0..200).map(|n| " ".repeat(n) + "a:\n").collect();
        for text in [deep(MAX_DEPTH), deep(100_000), blocks.concat()] {
            assert_eq!(messages(&text), [format!("values are nested deeper than {MAX_DEPTH} levels")]);
        }
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..12 {
            let aliases = vec![format!("*a{}", n - 1); 9].join(", ");
            bomb.extend([format!("a{n}: &a{n} [{aliases}]\n")]);
        }
        assert_eq!(messages(&bomb), [format!("the file has more than {MAX_NODES} values, aliases expanded")]);
    }

    #[test]
    fn a_broken_document_does_not_hide_the_next() {
        let parsed = parse("a: [\n---\nb: 1\n");
        assert_eq!((parsed.problems.len(), parsed.complete), (1, false));
        assert_eq!(parsed.documents.iter().map(show).collect::<Vec<_>>(), ["{b: 1}"]);
    }

    #[test]
    fn a_key_counts_once() {
        let parsed = parse("a: 1\nb: 2\na: 3\n");
        assert_eq!(show(&parsed.documents[0]), "{a: 1, b: 2}");
        assert_eq!(parsed.problems[0].message, "duplicate key `a`");
        assert!(parsed.problems[0].hint.as_deref().is_some_and(|h| h.contains("line 1")));
    }
}
