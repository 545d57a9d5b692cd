//! Files that nobody wrote: whatever stands in them, loading ends with an answer that is safe to show.

use assay::scenario::load::{Request, load};
use proptest::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};

/// A folder with the golden configuration.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("tempdir");
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
        fs::copy(golden.join("assay.yaml"), dir.path().join("assay.yaml")).expect("copy");
        Self(dir)
    }

    /// What is said to a file; empty when it loads.
    fn answer(&self, content: &[u8]) -> String {
        fs::write(self.0.path().join("x.yaml"), content).expect("write");
        let request = Request { paths: vec![PathBuf::from("x.yaml")], config: None, cwd: self.0.path().to_path_buf() };
        load(&request).err().map(|diagnostics| diagnostics.render(false)).unwrap_or_default()
    }
}

const SECRET: &str = "hunter2HUNTER2hunter2";

/// A file with a literal secret wherever a secret can be, in both styles of YAML.
const LITERALS: &str = r#"name: shop
artifact: { store: b2, key: "shop-{timestamp}.enc" }
open:
  - openssl_enc: { passphrase: @, iterations: 100000 }
  - openssl_enc:
      passphrase: @
      digest: sha256
  - age: { identity: { env: "@ +/" } }
  - age:
      passphrase:
        @
postgres: {}
"#;

fn shows_nothing_odd(text: &str) -> bool {
    text.chars().all(|c| c == '\n' || !(c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')))
}

proptest! {
    #[test]
    fn any_bytes_get_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(shows_nothing_odd(&Folder::new().answer(&bytes)));
    }

    #[test]
    fn any_yaml_like_text_gets_an_answer(text in r#"([a-c:{}\[\]&*!|>'"%@`,#?~<\-\n\t \\0-9\u{202e}]|name|open|checks|artifact|postgres|: ){0,60}"#) {
        prop_assert!(shows_nothing_odd(&Folder::new().answer(text.as_bytes())));
    }
}

/// Every place, every way: what a slip may turn a key, a quote or a level of indentation into.
#[test]
fn a_slip_of_the_finger_shows_no_secret() {
    let folder = Folder::new();
    for at in 0..LITERALS.len() {
        for slip in ["", "x", "\n", ":", "#", "\"", "{", "-", "&", "?"] {
            for end in [at, at + 1] {
                if LITERALS[at..end].contains('@') {
                    continue;
                }
                let text = format!("{}{slip}{}", &LITERALS[..at], &LITERALS[end..]).replace('@', SECRET);
                let said = folder.answer(text.as_bytes());
                assert!(!said.is_empty() && !said.contains("hunter2"), "{said}\n{text}");
            }
        }
    }
}
