//! YAML as a tree of nodes, each with its place in the file. [`yaml`](super::yaml) builds it.

use super::source::{Place, Problem};
use std::collections::HashSet;

/// One node of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The scalar; of a mapping or list the key that it stands behind.
    pub place: Place,
    /// What it is.
    pub value: Value,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing: an empty value, `~` or `null`.
    Null,
    /// A text; whether it is a number is for the type that reads it to say.
    Scalar {
        /// The text, with quotes and escapes resolved.
        text: String,
        /// It has no quotes, so it can be a number or a truth value.
        plain: bool,
    },
    /// A list.
    Sequence(Vec<Node>),
    /// A mapping, in the order of the file, each key once.
    Mapping(Vec<Entry>),
}

/// One key of a mapping and what stands behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where it is written.
    pub key_place: Place,
    /// What stands behind it.
    pub node: Node,
}

/// What a node costs when an alias repeats it.
#[derive(Debug, Clone, Copy)]
pub struct Weight {
    /// The nodes in it.
    pub nodes: usize,
    /// The levels below it.
    pub depth: usize,
}

impl Node {
    /// How much it is, itself counted.
    #[must_use]
    pub fn weight(&self) -> Weight {
        let children = |weights: &mut dyn Iterator<Item = Weight>| {
            let sum = Weight { nodes: 1, depth: 0 };
            let sum = weights.fold(sum, |sum, w| Weight { nodes: sum.nodes + w.nodes, depth: sum.depth.max(w.depth) });
            Weight { depth: sum.depth + 1, ..sum }
        };
        match &self.value {
            Value::Null | Value::Scalar { .. } => Weight { nodes: 1, depth: 0 },
            Value::Sequence(items) => children(&mut items.iter().map(Self::weight)),
            Value::Mapping(entries) => children(&mut entries.iter().map(|entry| entry.node.weight())),
        }
    }
}

/// Expands `<<: *defaults`: what the mapping says itself wins.
pub fn merge(entries: Vec<Entry>, problems: &mut Vec<Problem>) -> Vec<Entry> {
    if entries.iter().all(|entry| entry.key != "<<") {
        return entries;
    }
    let (merges, mut own): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| entry.key == "<<");
    let mut known: HashSet<String> = own.iter().map(|entry| entry.key.clone()).collect();
    for Entry { key_place, node, .. } in merges {
        let sources = match node.value {
            Value::Sequence(items) => items,
            _ => vec![node],
        };
        for source in sources {
            let Value::Mapping(inherited) = source.value else {
                problems
                    .push(Problem::new(key_place, "`<<` needs a mapping").hint("Write `<<: *name` with an anchored mapping."));
                continue;
            };
            own.extend(inherited.into_iter().filter(|entry| known.insert(entry.key.clone())));
        }
    }
    own
}
