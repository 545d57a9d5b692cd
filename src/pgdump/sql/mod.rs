//! SQL scripts as psql reads them: a lexer that takes pieces of any size, and what is counted with it.
//!
//! Everything here takes pushed bytes, keeps a bounded part of them, and does no I/O.

mod effect;
mod encoding;
mod insert;
mod lexer;
mod rows;
mod state;
mod statement;
mod token;
mod watch;

pub use effect::copies_from_stdin;
pub use encoding::Encoding;
pub use insert::{InsertCounter, Tuples};
pub use lexer::Lexer;
pub use rows::{RowCounter, is_message, tabs};
pub use statement::{Piece, PieceKind, Qualified, Statement};
pub use token::{KEPT, Open, Token};
