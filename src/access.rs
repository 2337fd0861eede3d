//! Who may do what: roles, permissions, scopes, and what of a transcript is shown to whom.
//!
//! ```text
//! identity (role, scope, token's narrowing) + permission + subject -> permits() -> Decision
//! transcript + identity -> View -> what is shown
//! ```
//!
//! There is one table, [`TABLE`]; `docs/access.md` is made of it, and the API's routes and the commands ask
//! [`permits`] and nothing else.
//!
//! **Architecture invariants:** what is not granted is denied, and a subject of which too little is known is denied to
//! whoever is limited. Nothing shown is more than the store has. No clock, file or socket: the time is given, and
//! where accounts are kept is not known here.

mod decision;
mod identity;
mod masking;
mod page;
pub mod password;
mod permission;
mod role;
pub mod secret;
mod table;
pub mod throttle;

pub use decision::{Decision, Denial, Subject, permits};
pub use identity::{Identity, InvalidUserName, Kind, Scope, UserName};
pub use masking::{ShownWords, View, view_of};
pub use page::table_as_markdown;
pub use permission::{Concern, Permission};
pub use role::{Role, UnknownRole};
pub use table::{Grant, Row, TABLE, grant};

#[cfg(test)]
mod tests;
