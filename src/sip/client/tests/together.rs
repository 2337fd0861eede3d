//! A client and a server with a bad network between them.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::sip::metadata::RecordingMetadata;
use crate::sip::server::{Action, Srs, SrsSettings};

const DOCUMENT: &str =
    "<recording><datamode>complete</datamode><participant participant_id='p'/></recording>";

/// Messages under way: when they come, in which order they were sent, to the server or the client.
struct Network {
    under_way: BTreeMap<(Duration, u64), (bool, Vec<u8>)>,
    sent: u64,
    random: Random,
    /// Of 100 messages, how many are lost, how many come twice, how many come late.
    bad: u128,
    /// Whether bytes of messages change on the way.
    damages: bool,
}

impl Network {
    fn roll(&mut self) -> bool {
        ((self.random)() >> 40) % 100 < self.bad
    }

    fn send(&mut self, now: Duration, to_server: bool, bytes: &[u8]) {
        if self.roll() {
            return;
        }
        let copies = if self.roll() { 2 } else { 1 };
        for _ in 0..copies {
            let late = if self.roll() {
                ((self.random)() >> 40) % 900
            } else {
                0
            };
            let time = now + Duration::from_millis(20 + u64::try_from(late).unwrap());
            self.sent += 1;
            self.under_way
                .insert((time, self.sent), (to_server, bytes.to_vec()));
        }
    }
}

struct World {
    src: Src,
    srs: Srs,
    network: Network,
    now: Duration,
    /// What each side thinks of the call.
    recorded: Option<SessionId>,
    confirmed: u32,
    answered: u32,
    client: Vec<String>,
    server: Vec<String>,
    metadata: usize,
}

impl World {
    fn new(seed: u64, bad: u128) -> Self {
        let advertised = |last: u8| Advertised {
            host: format!("198.51.100.{last}"),
            udp: 5060,
            tcp: 5060,
            tls: 5061,
        };
        let mut srs = SrsSettings::new(advertised(1));
        srs.session_expires = 300;
        let mut src = SrcSettings::new(advertised(7));
        src.session_expires = 300;
        Self {
            src: Src::new(src, random(seed.into())),
            srs: Srs::new(srs, random(u128::from(seed) + 1)),
            network: Network {
                under_way: BTreeMap::new(),
                sent: 0,
                random: random(u128::from(seed) + 2),
                bad,
                damages: false,
            },
            now: Duration::ZERO,
            recorded: None,
            confirmed: 0,
            answered: 0,
            client: Vec::new(),
            server: Vec::new(),
            metadata: 0,
        }
    }

    fn drain(&mut self) {
        while let Some(action) = self.src.poll() {
            match action {
                ClientAction::Send { bytes, .. } => self.network.send(self.now, true, &bytes),
                ClientAction::Answered { .. } => self.answered += 1,
                ClientAction::Ended { .. } | ClientAction::Refused { .. } => {
                    self.client.push(format!("{action:?}"))
                }
                ClientAction::Changed { .. } | ClientAction::UpdateRefused { .. } => {}
            }
        }
        while let Some(action) = self.srs.poll() {
            match action {
                Action::Send { bytes, .. } => self.network.send(self.now, false, &bytes),
                Action::Invited(invitation) => {
                    assert!(
                        self.network.damages || self.recorded.is_none(),
                        "one INVITE made two sessions"
                    );
                    self.recorded = Some(invitation.session);
                    let local: Vec<LocalMedia> = invitation
                        .streams
                        .iter()
                        .map(|stream| {
                            line(40_000 + 2 * u16::try_from(stream.slot).unwrap(), "x").local
                        })
                        .collect();
                    self.srs
                        .accept(self.now, invitation.session, &local)
                        .unwrap();
                }
                Action::MediaWanted { session, streams } => {
                    let local: Vec<LocalMedia> =
                        streams.iter().map(|_| line(41_000, "x").local).collect();
                    self.srs.provide(self.now, session, &local).unwrap();
                }
                Action::Confirmed { .. } => self.confirmed += 1,
                Action::Changed { .. } => self.metadata += 1,
                Action::Key { .. } => {}
                Action::Ended { reason, .. } => self.server.push(format!("{reason:?}")),
            }
        }
    }

    /// Lets everything happen until a time.
    fn run(&mut self, until: Duration) {
        let mut steps = 0;
        loop {
            self.drain();
            let message = self
                .network
                .under_way
                .first_key_value()
                .map(|((time, _), _)| *time);
            let next = [message, self.src.next_timeout(), self.srs.next_timeout()];
            let Some(next) = next
                .into_iter()
                .flatten()
                .min()
                .filter(|next| *next <= until)
            else {
                break;
            };
            steps += 1;
            assert!(steps < 20_000, "no end");
            self.now = self.now.max(next);
            while let Some(entry) = self
                .network
                .under_way
                .first_entry()
                .filter(|entry| entry.key().0 <= self.now)
            {
                let (to_server, bytes) = entry.remove();
                let flow = |last: u8| Flow {
                    peer: SocketAddr::from(([198, 51, 100, last], 5060)),
                    ..RECORDER
                };
                if to_server {
                    self.srs.handle_message(self.now, flow(7), &bytes);
                } else {
                    self.src.handle_message(self.now, flow(1), &bytes);
                }
                self.drain();
            }
            self.src.handle_timeout(self.now);
            self.srs.handle_timeout(self.now);
        }
        self.now = until;
    }

    fn invite(&mut self) -> SessionId {
        let lines = vec![line(30_000, "1"), line(30_002, "2")];
        self.src
            .invite(self.now, target(), lines, DOCUMENT.to_owned())
            .unwrap()
    }
}

#[test]
fn a_call_on_a_good_network() {
    let mut world = World::new(1, 0);
    let session = world.invite();
    world.run(Duration::from_secs(1));
    assert_eq!((world.answered, world.confirmed), (1, 1));
    let document = DOCUMENT.replace("'p'", "'q'");
    let lines = vec![line(30_000, "1"), line(30_002, "2"), line(30_004, "3")];
    world
        .src
        .update(world.now, session, Some(lines), Some(document))
        .unwrap();
    // Many refreshes.
    world.run(Duration::from_secs(2000));
    let recorded = world.recorded.unwrap();
    let known: &RecordingMetadata = world.srs.metadata(recorded).unwrap();
    assert_eq!(known.participants[0].id, "q");
    assert_eq!(world.srs.locals(recorded).count(), 3);
    assert_eq!((world.client.len(), world.server.len()), (0, 0));
    world.src.hang_up(world.now, session);
    world.run(Duration::from_secs(2100));
    assert_eq!(world.server, ["Bye"]);
    assert_eq!(world.src.next_timeout(), None);
    assert_eq!(world.srs.next_timeout(), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// However bad it is, both record or neither does, and both come to an end.
    #[test]
    fn both_agree_in_the_end(seed: u64, bad in 0_u128..31, hang_up in 0_u8..3) {
        let mut world = World::new(seed, bad);
        let session = world.invite();
        world.run(Duration::from_secs(2));
        if world.src.sessions().next().is_some() {
            let lines = vec![line(30_000, "1"), OfferedLine { direction: Direction::Inactive, ..line(30_002, "2") }];
            world.src.update(world.now, session, Some(lines), Some(DOCUMENT.to_owned())).unwrap();
        }
        // Long enough for refreshes, and for one side to find out about the other.
        world.run(Duration::from_secs(1000));
        let (client, server) = (world.src.sessions().count(), world.srs.sessions().count());
        prop_assert_eq!(client, server, "{:?} {:?}", world.client, world.server);
        prop_assert_eq!(world.client.len(), 1 - client);
        if client == 1 {
            prop_assert_eq!((world.answered, world.confirmed), (1, 1));
        }
        match hang_up {
            0 => world.src.hang_up(world.now, session),
            1 => if let Some(recorded) = world.recorded {
                world.srs.hang_up(world.now, recorded);
            },
            // Nobody is there any more: they end by themselves.
            _ => world.network.bad = 100,
        }
        world.run(Duration::from_secs(2000));
        prop_assert_eq!((world.src.sessions().count(), world.srs.sessions().count()), (0, 0));
        prop_assert_eq!(world.client.len(), 1);
        prop_assert!(world.server.len() <= 1);
        prop_assert_eq!(world.src.next_timeout(), None);
        prop_assert_eq!(world.srs.next_timeout(), None);
    }

    /// Damaged messages may end a call on one side; nothing stays.
    #[test]
    fn damage_leaves_nothing_behind(seed: u64) {
        let mut world = World::new(seed, 25);
        world.network.damages = true;
        let session = world.invite();
        world.run(Duration::from_secs(2));
        let _ = world.src.update(world.now, session, None, Some(DOCUMENT.to_owned()));
        world.run(Duration::from_secs(1000));
        world.network.bad = 100;
        world.src.hang_up(world.now, session);
        if let Some(recorded) = world.recorded {
            world.srs.hang_up(world.now, recorded);
        }
        world.run(Duration::from_secs(2000));
        prop_assert_eq!((world.src.sessions().count(), world.srs.sessions().count()), (0, 0));
        prop_assert_eq!(world.src.next_timeout(), None);
        prop_assert_eq!(world.srs.next_timeout(), None);
    }
}
