//! The one integration binary.

mod examples;
mod golden;
mod hostile;
