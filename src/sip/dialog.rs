//! One dialog (RFC 3261, 12): what its requests are made of and where they go.

use std::fmt;
use std::net::IpAddr;
use std::net::SocketAddr;

use super::message::{CSeq, Essentials, Headers, Method, NameAddr, Request, Uri};
use super::{Flow, Transport};

/// Most hops of a route set.
pub(super) const MOST_ROUTES: usize = 32;

/// One dialog, seen from our side.
#[derive(Clone)]
pub(super) struct Dialog {
    pub(super) call_id: String,
    pub(super) local_tag: String,
    /// Empty if the peer has none (RFC 2543).
    pub(super) remote_tag: String,
    /// Our From as it is written, with its tag.
    pub(super) local: String,
    /// Our To as it is written, with its tag.
    pub(super) remote: String,
    /// The peer's Contact.
    pub(super) target: String,
    pub(super) routes: Vec<String>,
    pub(super) local_number: u32,
    /// The number of the peer's last request.
    pub(super) remote_number: Option<u32>,
    /// Where the peer's last message came from.
    pub(super) flow: Flow,
    /// Whether the peer's address is not what it says of itself: it sits behind a translator.
    translated: bool,
}

impl fmt::Debug for Dialog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dialog({})", self.local_number)
    }
}

impl Dialog {
    /// The dialog that an INVITE begins when it is answered with this tag.
    pub(super) fn invited(
        flow: Flow,
        request: &Request,
        essentials: &Essentials,
        local_tag: String,
    ) -> Self {
        let header = |name: &str| request.headers.get(name).unwrap_or_default().to_owned();
        let routes = request.headers.list("Record-Route").unwrap_or_default();
        Self {
            call_id: essentials.call_id.clone(),
            remote_tag: essentials.from.tag().unwrap_or_default().to_owned(),
            local: format!("{};tag={local_tag}", header("To")),
            remote: header("From"),
            local_tag,
            // RFC 2543 did without a Contact.
            target: request
                .headers
                .contact()
                .ok()
                .flatten()
                .map_or_else(|| essentials.from.uri.clone(), |contact| contact.uri),
            routes: routes
                .into_iter()
                .take(MOST_ROUTES)
                .map(str::to_owned)
                .collect(),
            local_number: 0,
            remote_number: Some(essentials.cseq.number),
            flow,
            translated: is_translated(flow, essentials),
        }
    }

    /// The dialog that we begin.
    pub(super) fn inviting(
        flow: Flow,
        call_id: String,
        local_tag: String,
        local: &str,
        remote: &str,
    ) -> Self {
        Self {
            call_id,
            local: format!("<{local}>;tag={local_tag}"),
            local_tag,
            remote_tag: String::new(),
            remote: format!("<{remote}>"),
            target: remote.to_owned(),
            routes: Vec::new(),
            local_number: 0,
            remote_number: None,
            flow,
            translated: false,
        }
    }

    /// Takes over what a request within the dialog says of where its sender is.
    pub(super) fn refresh(&mut self, flow: Flow, request: &Request, essentials: &Essentials) {
        self.flow = flow;
        self.translated = is_translated(flow, essentials);
        if matches!(request.method, Method::Invite | Method::Update)
            && let Ok(Some(contact)) = request.headers.contact()
        {
            self.target = contact.uri;
        }
    }

    /// Whether a request or response has this dialog's tags, ours in `ours`.
    pub(super) fn has_tags(&self, ours: &NameAddr, theirs: &NameAddr) -> bool {
        ours.tag() == Some(&*self.local_tag) && theirs.tag().unwrap_or_default() == self.remote_tag
    }

    /// A request of ours, along the route set (RFC 3261, 12.2.1.1). An ACK has its INVITE's number, others the
    /// next.
    pub(super) fn request(&mut self, method: Method, via: &str, number: Option<u32>) -> Request {
        let number = number.unwrap_or_else(|| {
            self.local_number = self.local_number.wrapping_add(1) & 0x7fff_ffff;
            self.local_number
        });
        let first = self.routes.first().and_then(|route| NameAddr::parse(route));
        let loose = first
            .as_ref()
            .is_none_or(|first| Uri::parse(&first.uri).is_some_and(|uri| uri.parameters.has("lr")));
        let mut headers = Headers::default();
        headers.push("Via", via);
        headers.push("Max-Forwards", "70");
        let uri = match first {
            Some(first) if !loose => {
                for route in &self.routes[1..] {
                    headers.push("Route", route);
                }
                headers.push("Route", &format!("<{}>", self.target));
                first.uri
            }
            _ => {
                for route in &self.routes {
                    headers.push("Route", route);
                }
                self.target.clone()
            }
        };
        headers.push("From", &self.local);
        headers.push("To", &self.remote);
        headers.push("Call-ID", &self.call_id);
        let cseq = CSeq { number, method };
        headers.push("CSeq", &format!("{} {}", cseq.number, cseq.method.name()));
        let mut request = Request::new(cseq.method, &uri);
        request.headers = headers;
        request
    }

    /// Where requests of ours go: on the connection that there is; by UDP to the next hop if it is told as an
    /// address and no translator stands before it; else where the peer's messages came from.
    pub(super) fn next_hop(&self) -> Flow {
        if self.flow.transport != Transport::Udp && self.flow.connection != 0 {
            return self.flow;
        }
        let route = self.routes.first().and_then(|route| NameAddr::parse(route));
        let uri = route.map_or_else(|| self.target.clone(), |route| route.uri);
        let told = Uri::parse(&uri)
            .filter(|_| !self.translated)
            .and_then(|uri| {
                let address: IpAddr = uri.host.parse().ok()?;
                let usual = if self.flow.transport == Transport::Tls {
                    5061
                } else {
                    5060
                };
                Some(SocketAddr::new(address, uri.port.unwrap_or(usual)))
            });
        let same_family = |told: &SocketAddr| told.is_ipv4() == self.flow.peer.is_ipv4();
        Flow {
            peer: told.filter(same_family).unwrap_or(self.flow.peer),
            ..self.flow
        }
    }

    /// The connection is gone.
    pub(super) fn flow_closed(&mut self, flow: Flow) {
        if self.flow == flow && flow.transport.is_reliable() {
            self.flow.connection = 0;
        }
    }
}

/// Whether the address that a request came from is not the one in its Via.
fn is_translated(flow: Flow, essentials: &Essentials) -> bool {
    let told: Result<IpAddr, _> = essentials.via.host.parse();
    told.is_ok_and(|told| told != flow.peer.ip())
}
