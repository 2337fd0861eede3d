//! Decides from activity alone where a leg is cut into windows, in frames of 16 ms.
//!
//! A window is cut in a pause, the sooner the longer it already is, or when its oldest undecided frame
//! is so old that recognition must begin. A forced cut goes to the quietest moment of the last second;
//! what lies just before it is decided by the next window, which hears it again whole.
//!
//! **Architecture invariant:** every frame is decided exactly once, in order, as silence or by a window;
//! only frames under the energy floor are silence. Media time alone decides.

use super::activity::{Activity, frames_in_millis};
use crate::audio::MediaTime;

/// What becomes of frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// Frames `from..to` are inaudible.
    Silence { from: u64, to: u64 },
    /// Frames `listen_from..listen_to` go to the recogniser, whose answer decides `from..to` of them.
    Window {
        from: u64,
        to: u64,
        listen_from: u64,
        listen_to: u64,
    },
}

/// The cutter's lengths, in frames.
#[derive(Debug, Clone, Copy)]
pub(super) struct CutterSettings {
    /// The longest time a frame may stay undecided before its window is cut.
    longest: u64,
}

impl CutterSettings {
    /// For a hold and the margin that must be examined after a sample before it may leave.
    ///
    /// A third of the hold, 1.0 to 2.5 s, is kept for recognition and queueing; windows are at most 9 s,
    /// beyond which the recogniser's context grows costly.
    pub(super) fn for_hold(hold: MediaTime, margin: MediaTime) -> Self {
        let hold = hold.seconds();
        let reserve = (hold / 3.0).clamp(1.0, 2.5);
        let longest = (hold - reserve - margin.seconds()).clamp(0.6, 9.0);
        Self {
            longest: frames_in_millis((longest * 1_000.0) as u64),
        }
    }
}

/// Audio heard before the first audible frame, so that a soft onset is whole.
const PRE_ROLL: u64 = frames_in_millis(250);
/// How much of a window cut by force the next one hears again.
const OVERLAP: u64 = frames_in_millis(1_200);
/// The end of a window cut by force that is left to the next one to decide.
const GUARD: u64 = frames_in_millis(500);
/// Where a forced cut may fall: within this much of the end.
const SEARCH: u64 = frames_in_millis(1_000);
/// Pauses that end a window when it has just begun and when it is as long as it may be.
const LONGEST_PAUSE: u64 = frames_in_millis(700);
const SHORTEST_PAUSE: u64 = frames_in_millis(200);
/// Silence that ends a window in which no voice was found.
const NOISE_ENDS: u64 = frames_in_millis(300);

/// One leg's cutter.
#[derive(Debug)]
pub(super) struct WindowCutter {
    settings: CutterSettings,
    /// The next frame to come; everything before `decided` has been decided.
    next: u64,
    decided: u64,
    open: Option<OpenWindow>,
    /// Levels of the last [`SEARCH`] frames, a ring indexed by frame.
    levels: [f32; SEARCH as usize],
}

#[derive(Debug, Clone, Copy)]
struct OpenWindow {
    listen_from: u64,
    last_voice: Option<u64>,
    last_audible: u64,
}

impl WindowCutter {
    pub(super) fn new(settings: CutterSettings) -> Self {
        Self {
            settings,
            next: 0,
            decided: 0,
            open: None,
            levels: [0.0; SEARCH as usize],
        }
    }

    /// The first frame that may still be asked for.
    pub(super) fn oldest_needed(&self) -> u64 {
        self.open
            .map_or(self.next, |open| open.listen_from)
            .min(self.next.saturating_sub(OVERLAP))
    }

    /// Takes the next frame.
    pub(super) fn push(&mut self, activity: Activity) -> Option<Decision> {
        let frame = self.next;
        self.next += 1;
        self.levels[(frame % SEARCH) as usize] = activity.level;
        let Some(open) = &mut self.open else {
            if !activity.audible {
                self.decided = self.next;
                return Some(Decision::Silence {
                    from: frame,
                    to: self.next,
                });
            }
            self.open = Some(OpenWindow {
                listen_from: frame.saturating_sub(PRE_ROLL),
                last_voice: activity.voiced.then_some(frame),
                last_audible: frame,
            });
            return None;
        };
        if activity.voiced {
            open.last_voice = Some(frame);
        }
        if activity.audible {
            open.last_audible = frame;
        }
        let open = *open;
        let length = self.next - self.decided;
        let paused = match open.last_voice {
            Some(voice) => frame - voice >= self.pause_needed(length),
            None => frame - open.last_audible >= NOISE_ENDS,
        };
        if paused {
            return Some(self.cut(open, self.next));
        }
        (length >= self.settings.longest).then(|| self.cut_by_force(open))
    }

    /// Cuts what is open, because the leg is over or nothing arrives.
    pub(super) fn flush(&mut self) -> Option<Decision> {
        let open = self.open?;
        Some(self.cut(open, self.next))
    }

    /// The longer a window, the shorter the pause that ends it: groups of digits stay together while
    /// there is time, and a pause is found before a word must be cut.
    fn pause_needed(&self, length: u64) -> u64 {
        let spare = self.settings.longest.saturating_sub(length);
        SHORTEST_PAUSE + (LONGEST_PAUSE - SHORTEST_PAUSE) * spare / self.settings.longest.max(1)
    }

    fn cut(&mut self, open: OpenWindow, at: u64) -> Decision {
        let from = self.decided;
        self.decided = at;
        self.open = None;
        Decision::Window {
            from,
            to: at,
            listen_from: open.listen_from,
            listen_to: at,
        }
    }

    fn cut_by_force(&mut self, open: OpenWindow) -> Decision {
        let from = self.decided;
        let earliest = self
            .next
            .saturating_sub(SEARCH.min(self.settings.longest / 4))
            .max(from + 1);
        let quietest = (earliest..self.next)
            .min_by(|a, b| self.level(*a).total_cmp(&self.level(*b)))
            .unwrap_or(self.next);
        let guard = GUARD.min(self.settings.longest / 4);
        let decided = quietest.saturating_sub(guard).max(from + 1);
        self.decided = decided;
        self.open = Some(OpenWindow {
            listen_from: quietest.saturating_sub(OVERLAP),
            last_voice: open.last_voice,
            last_audible: open.last_audible,
        });
        Decision::Window {
            from,
            to: decided,
            listen_from: open.listen_from,
            listen_to: self.next,
        }
    }

    fn level(&self, frame: u64) -> f32 {
        self.levels[(frame % SEARCH) as usize]
    }
}

#[cfg(test)]
mod tests;
