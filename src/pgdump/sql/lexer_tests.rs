use super::*;
use proptest::prelude::*;

fn tokens(pieces: &[&[u8]]) -> Vec<String> {
    let (mut lexer, mut all) = (Lexer::default(), Vec::new());
    let mut rows = Vec::new();
    let mut take = |token: Token, _: Range<u64>| {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if let Token::Rows(piece) = token {
            return rows.extend_from_slice(piece);
        }
        if let Token::Encoding(_) = token {
            return;
        }
        if !rows.is_empty() {
            all.push(format!("<{}>", text(&std::mem::take(&mut rows))));
        }
        all.push(match token {
            Token::Word(word) | Token::Rows(word) => text(word),
            Token::Name(name) => format!("\"{}\"", text(name)),
            Token::Text(literal) => format!("'{}'", text(literal)),
            Token::Sign(sign) => text(&[sign]),
            Token::End => "END".into(),
            Token::Comment(comment) => format!("[{}]", text(comment)),
            Token::Command(command) => format!("[{}]", text(command)),
            Token::RowsEnd | Token::Encoding(_) => "ROWS".into(),
        });
    };
    for piece in pieces {
        lexer.push(piece, &mut take);
    }
    lexer.finish(&mut take);
    all
}

fn read(script: &[u8]) -> String {
    tokens(&[script]).join(" ")
}

#[test]
fn what_is_hidden_is_left_out() {
    for (script, expected) in [
        ("a 'it''s; b' c;", "a 'it's; b' c END"),
        ("a E'it\\'s; b' c;", "a 'it\\'s; b' c END"),
        ("a 'b\\' c;", "a 'b\\' c END"),
        ("a U&'b\\' U&\"c\";", "a U & 'b\\' U & \"c\" END"),
        ("SET standard_conforming_strings = off; 'b\\' c';", "SET standard_conforming_strings = off END 'b\\' c' END"),
        ("SET standard_conforming_strings TO on; 'b\\';", "SET standard_conforming_strings TO on END 'b\\' END"),
        ("\"a\"\"b;\" c;", "\"a\"b;\" c END"),
        ("a -- b; 'c\nd;", "a [-- b; 'c] d END"),
        ("a /* b; /* ' */ c */ d - e / f;", "a d - e / f END"),
        ("a /***/ b /*/ */ c;", "a b c END"),
        ("a $$b; 'c$$ d $x$ $$ $y$ $x$ e$f$g $1 h;", "a d e$f$g 1 h END"),
        ("\\restrict it's\na (b; c) d;", "[\\restrict it's] a ( b ; c ) d END"),
        ("a \\g\nb;", "a [\\g] END b END"),
        (
            "COPY t (a) FROM stdin;\nit's; \"b\n\\.x\n\n\\\\.\n\\.\r\nc;\n",
            "COPY t ( a ) FROM stdin END <it's; \"b\n\\.x\n\n\\\\.\n> ROWS c END",
        ),
        ("COPY t FROM stdin; -- x\n\\.\nc;\n", "COPY t FROM stdin END ROWS c END"),
        ("\\copy t from stdin;\nit's\n\\.\na;", "[\\copy t from stdin;] <it's\n> ROWS a END"),
        ("COPY t FROM 'file'; a;", "COPY t FROM 'file' END a END"),
        ("COPY (SELECT 1 FROM stdin) TO x; a;", "COPY ( SELECT 1 FROM stdin ) TO x END a END"),
    ] {
        assert_eq!(read(script.as_bytes()), expected, "{script}");
    }
}

#[test]
fn a_body_outside_of_quotes_is_one_statement() {
    let body = "CREATE OR REPLACE FUNCTION f() BEGIN ATOMIC SELECT CASE WHEN a THEN b END; SELECT 2; END; c;";
    assert_eq!(
        read(body.as_bytes()),
        "CREATE OR REPLACE FUNCTION f ( ) BEGIN ATOMIC SELECT CASE WHEN a THEN b END ; SELECT 2 ; END END c END"
    );
    assert_eq!(read(b"BEGIN; CREATE TABLE t (); COMMIT;"), "BEGIN END CREATE TABLE t ( ) END COMMIT END");
}

#[test]
fn a_character_may_end_with_a_backslash() {
    // 0x95 0x5c is one character of Shift JIS; 0xb1 is one by itself.
    let literal = b"E'\x95\\', E'\xb1\\', b' ;";
    let sjis = [b"SET client_encoding = 'SJIS';".as_slice(), literal].concat();
    let found = tokens(&[&sjis]);
    assert_eq!(found.iter().filter(|token| token.starts_with('\'')).count(), 3, "{found:?}");
    assert_eq!(found.last().map(String::as_str), Some("END"));
    let latin = [b"SET client_encoding = 'LATIN1';".as_slice(), literal].concat();
    assert_ne!(tokens(&[&latin]).len(), found.len());
    // As a name, and behind \connect.
    assert_eq!(tokens(&[b"\\encoding BIG5\n\xa5\\ x;"]).len(), 4);
    assert_eq!(tokens(&[b"\\encoding BIG5\n\\connect a\n\xa5 \\x;\n"]).len(), 4);
}

#[test]
fn a_token_has_its_place() {
    let (mut places, script) = (Vec::new(), "a  \"b c\" $$x$$ 'd'; --e\n\\f\nCOPY t FROM stdin;\nrow\n\\.\n");
    Lexer::default().push(script.as_bytes(), &mut |_, place| places.push(place));
    assert_eq!(places, [0..1, 3..8, 15..18, 18..19, 20..23, 24..26, 27..31, 32..33, 34..38, 39..44, 44..45, 46..50, 50..52]);
}

#[test]
fn what_is_open_at_the_end_is_told() {
    for (script, open) in [
        ("a; -- b", Open::Nothing),
        ("a b", Open::Nothing),
        ("a 'b", Open::Quote),
        ("a 'b'", Open::Nothing),
        ("a \"b", Open::Quote),
        ("$$ a $", Open::Quote),
        ("/* a", Open::Comment),
        ("a (b;", Open::Bracket),
        ("CREATE FUNCTION f() BEGIN ATOMIC a;", Open::Bracket),
        ("COPY t FROM stdin;", Open::Rows),
        ("COPY t FROM stdin;\n1\n\\", Open::Rows),
        ("COPY t FROM stdin;\n1\n\\.\n", Open::Nothing),
    ] {
        let mut lexer = Lexer::default();
        lexer.push(script.as_bytes(), &mut |_, _| ());
        lexer.finish(&mut |_, _| ());
        assert_eq!(lexer.open(), open, "{script}");
    }
}

#[test]
fn memory_is_bounded() {
    let mut lexer = Lexer::default();
    for script in ["'", "\"", "$", "--", "\\", "x"] {
        lexer.push(script.as_bytes(), &mut |_, _| ());
        lexer.push(&vec![b'x'; 1_000_000], &mut |_, _| ());
        lexer.push(script.as_bytes(), &mut |_, _| ());
        lexer.push(b"\n", &mut |_, _| ());
    }
    assert!(lexer.kept.capacity() <= 2 * KEPT);
}

proptest! {
    #[test]
    fn it_reads_anything_the_same_wherever_it_was_cut(
        script in r#"([a-z'"$\\;()/*.\-\n\r ]|COPY a FROM stdin;|CREATE FUNCTION|BEGIN|END|SET client_encoding TO SJIS;|E'|\u{81})*"#,
        cut in 0usize..200,
    ) {
        let cut = cut.min(script.len());
        prop_assert_eq!(tokens(&[&script.as_bytes()[..cut], &script.as_bytes()[cut..]]), tokens(&[script.as_bytes()]));
    }

    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        tokens(&[&bytes]);
    }
}
