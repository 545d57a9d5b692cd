//! Statements that a server has put together again from its parse trees: brought to what all majors have in common.

/// One line, without what majors write differently: line breaks and indentation, and the qualifiers of names. `PostgreSQL` 16 leaves
/// out `table.` where only one table is meant; which table a column is of is a thing of the view's dependencies, which are told apart.
pub fn normalised(statement: &str) -> String {
    let mut out = String::with_capacity(statement.len());
    for token in tokens(statement.trim_end().trim_end_matches(';')) {
        match token {
            Token::Space => {
                if !out.ends_with([' ', '(']) && !out.is_empty() {
                    out.push(' ');
                }
            }
            Token::Qualifier => {}
            Token::Text(text) => {
                if text == ")" && out.ends_with(' ') {
                    out.pop();
                }
                out.push_str(text);
            }
        }
    }
    out.trim_end().to_owned()
}

enum Token<'a> {
    Space,
    /// A name with its dot.
    Qualifier,
    Text(&'a str),
}

fn tokens(mut rest: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            c if c.is_whitespace() => rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len()),
            '\'' => quoted(rest, '\''),
            '"' => quoted(rest, '"'),
            c if is_name(c) => rest.find(|c: char| !is_name(c)).unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        let (token, behind) = rest.split_at(length);
        rest = behind;
        tokens.push(if first.is_whitespace() {
            Token::Space
        } else if (first == '"' || is_name(first) && !first.is_ascii_digit()) && behind.starts_with('.') {
            rest = &behind[1..];
            Token::Qualifier
        } else {
            Token::Text(token)
        });
    }
    tokens
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

/// The length of a quoted text: a doubled quote is one of its characters. The server writes no backslash escapes.
fn quoted(text: &str, quote: char) -> usize {
    let mut inside = false;
    for (at, c) in text.char_indices() {
        if c == quote {
            inside = !inside;
        }
        if !inside && !text[at + c.len_utf8()..].starts_with(quote) {
            return at + c.len_utf8();
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::normalised;

    #[test]
    fn what_majors_write_differently_is_the_same() {
        let before = " SELECT items.id,\n    items.\"a.b\",\n    (items.price)::text AS p\n   FROM shop.items\n  WHERE (items.price < (20.5)::numeric);";
        let since = " SELECT id,\n    \"a.b\",\n    (price)::text AS p\n   FROM shop.items\n  WHERE (price < (20.5)::numeric);";
        assert_eq!(normalised(before), normalised(since));
        assert_eq!(normalised(since), "SELECT id, \"a.b\", (price)::text AS p FROM items WHERE (price < (20.5)::numeric)");
    }

    #[test]
    fn literals_stay_as_they_are() {
        for text in ["SELECT 'a.b  c'", "SELECT 'it''s  x.y'", "SELECT \"a \"\"b  c\"", "SELECT 'never closed  x"] {
            assert_eq!(normalised(text), text);
        }
        assert_ne!(normalised("SELECT 'a.b'"), normalised("SELECT 'b'"));
    }
}
