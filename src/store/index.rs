//! The index: what can be searched for in the store without opening anything sealed.
//!
//! **Architecture invariants:** it holds facts of calls and no word of what was said; telephone numbers only as
//! keyed hashes. It is derived: what is in the vault decides, and the index can be made anew of it.

mod row;

pub use row::{IndexedCall, NumberHash, Query};
