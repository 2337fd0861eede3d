//! `make bench-store`: 100,000 generated calls in the index, searched as people search, while calls go on to be
//! recorded; on SQLite and on a PostgreSQL server of the bench's own.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failure ends the benchmark and says where"
)]

#[path = "../it/postgres.rs"]
mod postgres;

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hushgate::call::particulars::Label;
use hushgate::store::database::DatabaseSettings;
use hushgate::store::index::{Group, Index, IndexedCall, NumberHash, Order, PageRequest, Query};
use hushgate::store::vault::{RecordName, State};
use jiff::{SignedDuration, Timestamp};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use tokio::time::Instant;

/// Calls in the index.
const CALLS: u32 = 100_000;
/// Searches of each sort.
const SEARCHES: usize = 300;
/// Calls on a page.
const PAGE: u32 = 50;
/// A year, in seconds.
const PERIOD: u32 = 365 * 24 * 3_600;
/// One call ends in this time, as where 12,000 do each hour.
const PAUSE: Duration = Duration::from_millis(300);

/// What a database is to keep to, in milliseconds.
struct Bar {
    name: &'static str,
    p95: f64,
}

fn main() {
    // Cargo asks every target for its tests.
    if std::env::args().any(|argument| argument == "--test" || argument == "--list") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let sqlite = DatabaseSettings::File(folder.path().join("index.sqlite"));
    let mut well = run(
        &sqlite,
        &Bar {
            name: "SQLite",
            p95: 50.0,
        },
    );
    let server = postgres::Postgres::start(&[]);
    let settings = server.database("calls");
    well &= run(
        &settings,
        &Bar {
            name: "PostgreSQL",
            p95: 100.0,
        },
    );
    if !well {
        std::process::exit(1);
    }
}

fn say(line: &str) {
    writeln!(std::io::stdout().lock(), "{line}").unwrap();
}

struct Random(ChaCha20Rng);

impl Random {
    fn below(&mut self, count: u32) -> u32 {
        self.0.next_u32() % count
    }

    /// In so many of a thousand cases.
    fn happens(&mut self, of_1000: u32) -> bool {
        self.below(1_000) < of_1000
    }

    fn agent(&mut self) -> String {
        format!("agent {}", self.below(250))
    }

    fn queue(&mut self) -> String {
        format!("queue {}", self.below(12))
    }

    fn site(&mut self) -> String {
        format!("site {}", self.below(6))
    }

    fn vendor(&mut self) -> String {
        format!("vendor {}", self.below(3))
    }

    fn number(&mut self) -> NumberHash {
        NumberHash(format!("{:064x}", self.below(60_000)))
    }

    fn time(&mut self) -> Timestamp {
        beginning() + SignedDuration::from_secs(i64::from(self.below(PERIOD)))
    }

    fn call(&mut self, number: u32) -> IndexedCall {
        let name = RecordName::new(&format!("CA{number:032x}")).unwrap();
        let state = if self.happens(2) {
            State::Incomplete
        } else {
            State::Complete
        };
        let mut call = IndexedCall::new(name, self.time(), state);
        call.duration_s = f64::from(20 + self.below(900));
        call.agent = Label::new(&self.agent()).ok();
        call.queue = Label::new(&self.queue()).ok();
        call.site = Label::new(&self.site()).ok();
        call.vendor = Label::new(&self.vendor()).ok();
        call.jurisdiction = Label::new("EU").ok();
        call.caller = Some(self.number());
        // A few numbers that everybody calls.
        call.called = Some(NumberHash(format!("{:064x}", 1_000_000 + self.below(8))));
        for (kind, of_1000) in KINDS {
            if self.happens(of_1000) {
                let seconds = f64::from(1 + self.below(120)) / 8.0;
                call.hidden_s.insert(kind.to_owned(), seconds);
            }
        }
        for (rule, of_1000) in ALERTS {
            if self.happens(of_1000) {
                call.alerts.insert(rule.to_owned(), 1 + self.below(4));
            }
        }
        call.bytes = u64::from(self.below(20_000_000));
        call.policy_version = "5f2c9a81d0e4".into();
        call.model_sha256 =
            "921e4cf8686fdd993dcd081a5da5b6c365bfde1162e72b08d75ac75289920b1f".into();
        call.ended_normally = true;
        call
    }
}

const KINDS: [(&str, u32); 5] = [
    ("pan", 350),
    ("cvv", 320),
    ("expiry", 300),
    ("ssn", 20),
    ("dtmf", 80),
];
const ALERTS: [(&str, u32); 3] = [("late", 20), ("failed", 5), ("pause_failed", 1)];

fn beginning() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

/// A sort of search: its name, and how one is made.
type Sort = (&'static str, fn(&mut Random) -> Query);

const SORTS: [Sort; 12] = [
    ("newest", |_| Query::default()),
    ("a day", |random| within(random, 1)),
    ("agent", |random| Query {
        agent: Some(random.agent()),
        ..Query::default()
    }),
    ("agent, a week", |random| Query {
        agent: Some(random.agent()),
        ..within(random, 7)
    }),
    ("queue, site, a month", |random| Query {
        queue: Some(random.queue()),
        site: Some(random.site()),
        ..within(random, 30)
    }),
    ("vendor", |random| Query {
        vendor: Some(random.vendor()),
        ..Query::default()
    }),
    ("caller's number", |random| Query {
        number: Some(random.number()),
        ..Query::default()
    }),
    ("kind", |random| Query {
        kind: Some(kind(random)),
        ..Query::default()
    }),
    ("kind, agent", |random| Query {
        kind: Some(kind(random)),
        agent: Some(random.agent()),
        ..Query::default()
    }),
    ("kind, site, a month", |random| Query {
        kind: Some(kind(random)),
        site: Some(random.site()),
        ..within(random, 30)
    }),
    ("alert, vendor", |random| Query {
        alert: Some(ALERTS[random.below(3) as usize].0.into()),
        vendor: Some(random.vendor()),
        ..Query::default()
    }),
    ("cut off", |_| Query {
        state: Some(State::Incomplete),
        ..Query::default()
    }),
];

fn kind(random: &mut Random) -> String {
    KINDS[random.below(5) as usize].0.into()
}

fn within(random: &mut Random, days: i64) -> Query {
    let from = random.time();
    Query {
        from: Some(from),
        to: Some(from + SignedDuration::from_hours(24 * days)),
        ..Query::default()
    }
}

fn run(settings: &DatabaseSettings, bar: &Bar) -> bool {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(measure(settings, bar))
}

async fn measure(settings: &DatabaseSettings, bar: &Bar) -> bool {
    let mut random = Random(ChaCha20Rng::seed_from_u64(7));
    let calls: Vec<IndexedCall> = (0..CALLS).map(|number| random.call(number)).collect();
    let index = Index::open(settings).await.unwrap();
    let begun = Instant::now();
    index.put_all(&calls).await.unwrap();
    index.database().analyze().await.unwrap();
    let seconds = begun.elapsed().as_secs_f64();
    say(&format!(
        "\n{}: {CALLS} calls put in within {seconds:.1} s ({:.0} calls/s)",
        bar.name,
        f64::from(CALLS) / seconds
    ));
    let ending = Arc::new(AtomicBool::new(false));
    let recording = tokio::spawn(go_on_recording(index.clone(), Arc::clone(&ending)));
    say(&format!(
        "{:24} {:>8} {:>8} {:>8} {:>8}",
        "search", "p50 ms", "p95 ms", "max ms", "found"
    ));
    let mut all = Vec::new();
    for (name, make) in SORTS {
        let (mut times, mut found) = (Vec::new(), 0);
        for number in 0..SEARCHES {
            let query = make(&mut random);
            let mut page = PageRequest::first(PAGE);
            if number % 4 == 3 {
                page.order = Order::OldestFirst;
            }
            let begun = Instant::now();
            let mut answer = index.search(&query, &page).await.unwrap();
            times.push(begun.elapsed());
            found += answer.calls.len();
            // Now and then the next page, as people do.
            if let Some(next) = answer.next.take().filter(|_| number % 3 == 0) {
                page.after = Some(next);
                let begun = Instant::now();
                found += index.search(&query, &page).await.unwrap().calls.len();
                times.push(begun.elapsed());
            }
        }
        line(name, &mut times, Some(found));
        all.extend(times);
    }
    let p95 = line("all", &mut all, None);
    let mut times = Vec::new();
    for _ in 0..10 {
        let begun = Instant::now();
        let query = within(&mut random, 30);
        index
            .totals(&query, &[Group::Vendor, Group::Site, Group::Kind])
            .await
            .unwrap();
        times.push(begun.elapsed());
    }
    line("totals of a month", &mut times, None);
    ending.store(true, Ordering::Relaxed);
    let (recorded, longest) = recording.await.unwrap();
    let is_well = p95 <= bar.p95;
    say(&format!(
        "{recorded} calls were put in meanwhile, the slowest within {longest:.1} ms; p95 {p95:.1} ms, bar {} ms: {}",
        bar.p95,
        if is_well { "kept" } else { "MISSED" }
    ));
    is_well
}

/// Calls that end while others are searched for. How many, and how long the slowest took in milliseconds.
async fn go_on_recording(index: Index, ending: Arc<AtomicBool>) -> (u32, f64) {
    let mut random = Random(ChaCha20Rng::seed_from_u64(8));
    let (mut count, mut longest) = (0, 0.0_f64);
    while !ending.load(Ordering::Relaxed) {
        let call = random.call(CALLS + count);
        let begun = Instant::now();
        index.put(&call).await.unwrap();
        longest = longest.max(begun.elapsed().as_secs_f64() * 1e3);
        count += 1;
        tokio::time::sleep(PAUSE).await;
    }
    (count, longest)
}

/// Prints how long searches took; returns the 95th percentile in milliseconds.
fn line(name: &str, times: &mut [Duration], found: Option<usize>) -> f64 {
    times.sort_unstable();
    let at = |part: f64| {
        let place = ((times.len() - 1) as f64 * part).round() as usize;
        times[place].as_secs_f64() * 1e3
    };
    let found = found.map_or(String::new(), |found| found.to_string());
    say(&format!(
        "{name:24} {:8.2} {:8.2} {:8.2} {found:>8}",
        at(0.5),
        at(0.95),
        at(1.0)
    ));
    at(0.95)
}
