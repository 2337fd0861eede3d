//! Telephone audio as border controllers send it and recorders take it: RTP, RTCP and SRTP.
//!
//! ```text
//!          port
//! datagram -> source -> srtp -> packet -> receiver -> placed samples, keys
//!             who?      keys    what?     reorder, decode, place
//!                                         report <-> reports of either side
//! clean samples -> sender -> srtp -> datagrams
//! ```
//!
//! [`Port`] has all that comes in on one local port, [`Sender`] one stream that goes out.
//!
//! Pure: no socket, no clock, no chance. Times are given as what has passed since the call's start, and whatever
//! is to be random is given, too. Does not know SIP, legs or recorders.
//!
//! **Architecture invariants:** any bytes may come; memory is bounded; places on a timeline only go up and never
//! overlap; which key was pressed is not kept.

pub mod packet;
pub mod payload;
pub mod port;
pub mod receiver;
pub mod report;
pub mod sender;
pub mod source;
pub mod srtp;

mod baseline;
mod events;
mod placer;
mod reception;
mod reorder;
mod resample;
mod stream;

pub use payload::PayloadFormat;
pub use placer::Correction;
pub use port::{Came, Port, PortSettings, Refused};
pub use receiver::{Counters, Received, Receiver, Settings, Taken};
pub use reception::ReceptionReport;
pub use report::Reporter;
pub use sender::{Sender, SenderSettings};
pub use source::{SourceGuard, SourcePolicy};
