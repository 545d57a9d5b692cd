//! Exports of a DNS zone as Cloudflare's API gives them.

mod api;
mod ask;
mod bind;
mod census;
mod export;
mod judge;
mod lexer;
mod lint;
mod loc;
mod rdata;
mod record;
mod serve;
