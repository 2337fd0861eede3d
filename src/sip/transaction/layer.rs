//! Many transactions with their messages: who a message belongs to, what goes out, what is due.
//!
//! **Architecture invariant:** no more than the limits' transactions are held, in all and of each peer.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use super::{Effects, Event, Kind, State, Transaction};
use crate::sip::Flow;
use crate::sip::message::{Essentials, Headers, Method, Request, Response, Via};
use crate::sip::schedule::Schedule;

/// The first letters of a branch that names its transaction alone (RFC 3261, 8.1.1.7).
const COOKIE: &str = "z9hG4bK";

/// One transaction among many.
pub(in crate::sip) type TransactionId = u64;

/// How many transactions are held.
#[derive(Debug, Clone, Copy)]
pub(in crate::sip) struct Limits {
    pub(in crate::sip) all: usize,
    pub(in crate::sip) per_peer: usize,
}

/// Whom a request belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sip) enum Belongs {
    /// Nobody: it is new.
    New,
    /// A transaction that has dealt with it.
    Known,
}

/// What came of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sip) struct Answered {
    pub(in crate::sip) id: TransactionId,
    /// What the transaction was made for.
    pub(in crate::sip) owner: u64,
}

struct Entry {
    transaction: Transaction,
    key: String,
    flow: Flow,
    owner: u64,
    /// The last message sent, for repetition.
    sent: Vec<u8>,
    /// The request that a client sent, of which its ACK and CANCEL are made.
    request: Option<Request>,
}

/// A message to be sent.
pub(in crate::sip) struct Outgoing {
    pub(in crate::sip) flow: Flow,
    pub(in crate::sip) bytes: Vec<u8>,
}

/// The transactions of one server or client.
pub(in crate::sip) struct Transactions {
    entries: BTreeMap<TransactionId, Entry>,
    keys: BTreeMap<String, TransactionId>,
    peers: BTreeMap<IpAddr, usize>,
    schedule: Schedule,
    limits: Limits,
    next: TransactionId,
    pub(in crate::sip) out: VecDeque<Outgoing>,
}

impl fmt::Debug for Transactions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} transactions", self.entries.len())
    }
}

/// What tells server transactions apart (RFC 3261, 17.2.3). An ACK and a CANCEL belong to their INVITE's.
fn server_key(request: &Request, essentials: &Essentials, method: &Method) -> String {
    let via = &essentials.via;
    let port = via.port.unwrap_or_default();
    let method = match method {
        Method::Ack | Method::Cancel => "INVITE",
        other => other.name(),
    };
    match via.branch() {
        Some(branch) if branch.starts_with(COOKIE) && branch.len() > COOKIE.len() => {
            format!("s {branch} {}:{port} {method}", via.host)
        }
        // RFC 2543. The ACK's To has a tag that the INVITE's has not; the numbers are the same.
        _ => format!(
            "o {} {} {} {}:{port} {} {method}",
            essentials.call_id,
            essentials.from.tag().unwrap_or_default(),
            essentials.cseq.number,
            via.host,
            request.uri,
        ),
    }
}

fn client_key(via: &Via, method: &Method) -> Option<String> {
    Some(format!("c {} {}", via.branch()?, method.name()))
}

impl Transactions {
    pub(in crate::sip) fn new(limits: Limits) -> Self {
        Self {
            entries: BTreeMap::new(),
            keys: BTreeMap::new(),
            peers: BTreeMap::new(),
            schedule: Schedule::default(),
            limits,
            next: 1,
            out: VecDeque::new(),
        }
    }

    #[cfg(test)]
    pub(in crate::sip) fn len(&self) -> usize {
        assert_eq!(self.entries.len(), self.keys.len());
        assert_eq!(self.entries.len(), self.peers.values().sum::<usize>());
        self.entries.len()
    }

    pub(in crate::sip) fn next_timeout(&self) -> Option<Duration> {
        self.schedule.next()
    }

    /// Sends something that belongs to no transaction.
    pub(in crate::sip) fn send(&mut self, flow: Flow, bytes: Vec<u8>) {
        self.out.push_back(Outgoing { flow, bytes });
    }

    /// A request that came. One that came before, or that acknowledges a refusal, is dealt with.
    pub(in crate::sip) fn request(
        &mut self,
        now: Duration,
        flow: Flow,
        request: &Request,
        essentials: &Essentials,
    ) -> Belongs {
        if request.method == Method::Cancel {
            return Belongs::New;
        }
        let key = server_key(request, essentials, &request.method);
        let Some(&id) = self.keys.get(&key) else {
            return Belongs::New;
        };
        let event = match request.method {
            Method::Ack => Event::Acknowledged,
            _ => Event::Request,
        };
        if let Some(entry) = self.entries.get_mut(&id) {
            // Answers go where the request came from last.
            entry.flow = flow;
        }
        let effects = self.handle(now, id, event);
        if effects.pass {
            Belongs::New
        } else {
            Belongs::Known
        }
    }

    /// The transaction of the INVITE that a CANCEL is about.
    pub(in crate::sip) fn cancelled(
        &self,
        request: &Request,
        essentials: &Essentials,
    ) -> Option<TransactionId> {
        let key = server_key(request, essentials, &Method::Invite);
        self.keys.get(&key).copied()
    }

    /// What a transaction was made for.
    pub(in crate::sip) fn owner(&self, id: TransactionId) -> Option<u64> {
        self.entries.get(&id).map(|entry| entry.owner)
    }

    /// Forgets a transaction whose user no longer wants to know.
    pub(in crate::sip) fn abandon(&mut self, id: TransactionId) {
        self.remove(id);
    }

    /// Begins to answer a request; `None` if there are too many.
    pub(in crate::sip) fn serve(
        &mut self,
        now: Duration,
        flow: Flow,
        request: &Request,
        essentials: &Essentials,
        owner: u64,
    ) -> Option<TransactionId> {
        let kind = match request.method {
            Method::Invite => Kind::InviteServer,
            _ => Kind::Server,
        };
        let key = server_key(request, essentials, &request.method);
        let transaction = Transaction::new(kind, flow.transport.is_reliable(), now);
        self.insert(Entry {
            transaction,
            key,
            flow,
            owner,
            sent: Vec::new(),
            request: None,
        })
    }

    fn insert(&mut self, entry: Entry) -> Option<TransactionId> {
        let peer = entry.flow.peer.ip();
        let of_peer = self.peers.get(&peer).copied().unwrap_or_default();
        if self.entries.len() >= self.limits.all
            || of_peer >= self.limits.per_peer
            || self.keys.contains_key(&entry.key)
        {
            return None;
        }
        let id = self.next;
        self.next += 1;
        self.peers.insert(peer, of_peer + 1);
        self.keys.insert(entry.key.clone(), id);
        self.schedule.set(id, entry.transaction.next_timeout());
        self.entries.insert(id, entry);
        Some(id)
    }

    /// Answers a request.
    pub(in crate::sip) fn answer(&mut self, now: Duration, id: TransactionId, response: &Response) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        let before = entry.transaction.state();
        if matches!(before, State::Trying | State::Proceeding) {
            entry.sent = response.write();
        }
        self.handle(now, id, Event::Answer(response.status));
    }

    /// Sends a request and waits for its answer; `None` if there are too many transactions. The request has its
    /// Via with a branch of its own.
    pub(in crate::sip) fn ask(
        &mut self,
        now: Duration,
        flow: Flow,
        request: Request,
        owner: u64,
    ) -> Option<TransactionId> {
        let kind = match request.method {
            Method::Invite => Kind::InviteClient,
            _ => Kind::Client,
        };
        let via = Via::parse(request.headers.get("Via")?)?;
        let entry = Entry {
            transaction: Transaction::new(kind, flow.transport.is_reliable(), now),
            key: client_key(&via, &request.method)?,
            flow,
            owner,
            sent: request.write(),
            request: Some(request),
        };
        let bytes = entry.sent.clone();
        let id = self.insert(entry)?;
        self.send(flow, bytes);
        Some(id)
    }

    /// Sends a CANCEL for an INVITE that was sent and provisionally answered (RFC 3261, 9.1).
    pub(in crate::sip) fn cancel(&mut self, now: Duration, id: TransactionId) {
        let Some(entry) = self.entries.get(&id) else {
            return;
        };
        let (flow, owner) = (entry.flow, entry.owner);
        if let Some(invite) = &entry.request {
            let cancel = hop(invite, Method::Cancel, invite.headers.get("To"));
            self.ask(now, flow, cancel, owner);
        }
    }

    /// A response that came; `None` if it is nobody's, or dealt with.
    pub(in crate::sip) fn response(
        &mut self,
        now: Duration,
        response: &Response,
        essentials: &Essentials,
    ) -> Option<Answered> {
        let key = client_key(&essentials.via, &essentials.cseq.method)?;
        let id = *self.keys.get(&key)?;
        let owner = self.entries.get(&id)?.owner;
        let effects = self.handle_response(now, id, response);
        effects.pass.then_some(Answered { id, owner })
    }

    fn handle_response(
        &mut self,
        now: Duration,
        id: TransactionId,
        response: &Response,
    ) -> Effects {
        let Some(entry) = self.entries.get_mut(&id) else {
            return Effects::NONE;
        };
        let acknowledgement = (response.status >= 300)
            .then_some(entry.request.as_ref())
            .flatten()
            .map(|invite| hop(invite, Method::Ack, response.headers.get("To")).write());
        let flow = entry.flow;
        let effects = self.handle(now, id, Event::Response(response.status));
        if let Some(bytes) = acknowledgement.filter(|_| effects.acknowledge) {
            self.send(flow, bytes);
        }
        effects
    }

    fn handle(&mut self, now: Duration, id: TransactionId, event: Event) -> Effects {
        let Some(entry) = self.entries.get_mut(&id) else {
            return Effects::NONE;
        };
        let effects = entry.transaction.handle(now, event);
        self.carry_out(id, effects);
        effects
    }

    fn carry_out(&mut self, id: TransactionId, effects: Effects) {
        let Some(entry) = self.entries.get(&id) else {
            return;
        };
        if effects.send && !entry.sent.is_empty() {
            self.out.push_back(Outgoing {
                flow: entry.flow,
                bytes: entry.sent.clone(),
            });
        }
        if entry.transaction.is_over() {
            self.remove(id);
        } else {
            self.schedule.set(id, entry.transaction.next_timeout());
        }
    }

    fn remove(&mut self, id: TransactionId) {
        self.schedule.set(id, None);
        let Some(entry) = self.entries.remove(&id) else {
            return;
        };
        self.keys.remove(&entry.key);
        self.release(entry.flow.peer.ip());
    }

    fn release(&mut self, peer: IpAddr) {
        if let Some(count) = self.peers.get_mut(&peer) {
            *count -= 1;
            if *count == 0 {
                self.peers.remove(&peer);
            }
        }
    }

    /// Does what is due; the transactions of ours that got no answer.
    pub(in crate::sip) fn timeout(&mut self, now: Duration) -> Vec<Answered> {
        let mut unanswered = Vec::new();
        while let Some(id) = self.schedule.due(now) {
            let Some(entry) = self.entries.get_mut(&id) else {
                continue;
            };
            let effects = entry.transaction.timeout(now);
            let client = matches!(entry.transaction.kind(), Kind::InviteClient | Kind::Client);
            let owner = entry.owner;
            self.carry_out(id, effects);
            if effects.timed_out && client {
                unanswered.push(Answered { id, owner });
            }
        }
        unanswered
    }

    /// A connection is gone: nothing can be answered on it, and what was asked on it gets no answer.
    pub(in crate::sip) fn flow_closed(&mut self, flow: Flow) -> Vec<Answered> {
        let gone: Vec<TransactionId> = self
            .entries
            .iter()
            .filter(|(_, entry)| goes_by(entry.flow, flow))
            .map(|(id, _)| *id)
            .collect();
        let mut unanswered = Vec::new();
        for id in gone {
            if let Some(entry) = self.entries.get(&id)
                && entry.request.is_some()
                && matches!(entry.transaction.state(), State::Trying | State::Proceeding)
            {
                unanswered.push(Answered {
                    id,
                    owner: entry.owner,
                });
            }
            self.remove(id);
        }
        unanswered
    }
}

/// Whether what was sent to `sent` was sent on the connection `closed`. Sockets for datagrams are no connections.
fn goes_by(sent: Flow, closed: Flow) -> bool {
    let any = Flow {
        connection: 0,
        ..closed
    };
    closed.transport.is_reliable() && (sent == closed || sent == any)
}

/// An ACK for a refusal or a CANCEL: what is the same in their INVITE is copied (RFC 3261, 9.1 and 17.1.1.3).
fn hop(invite: &Request, method: Method, to: Option<&str>) -> Request {
    let mut headers = Headers::default();
    let copied = |name: &str| invite.headers.get(name).unwrap_or_default().to_owned();
    headers.push("Via", &copied("Via"));
    headers.push("Max-Forwards", "70");
    for route in invite.headers.all("Route") {
        headers.push("Route", route);
    }
    headers.push("From", &copied("From"));
    headers.push("To", to.unwrap_or_default());
    headers.push("Call-ID", &copied("Call-ID"));
    let number = copied("CSeq");
    let number = number.split(' ').next().unwrap_or_default();
    headers.push("CSeq", &format!("{number} {}", method.name()));
    let mut request = Request::new(method, &invite.uri);
    request.headers = headers;
    request
}
