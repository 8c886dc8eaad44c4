//! Tokens that production and test authorities made.

mod changes;
mod classes;
mod known;
mod rows;
