//! Exports of a DNS zone as Cloudflare's API gives them.

mod bind;
mod lexer;
mod loc;
mod rdata;
mod record;
