//! The names of all metrics. A name that is not here is none; a name that was released stays.

/// A metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    /// Calls that began.
    CallsBegun,
    /// Calls that ended, by how: `normal` or `abnormal`.
    CallsEnded,
    /// Calls under way.
    CallsActive,
    /// Recordings that could not be begun, written or completed.
    RecordingsFailed,
    /// Windows handed to recognition.
    Windows,
    /// Windows whose answer came after it was needed.
    WindowsLate,
    /// Windows without a transcript.
    WindowsFailed,
    /// Processor time of recognition.
    RecognitionSeconds,
    /// Seconds hidden, by kind.
    HiddenSeconds,
    /// Seconds filled because they were not examined in time.
    LateSeconds,
    /// Seconds filled because they could not be examined, by cause.
    FailedSeconds,
    /// Pauses and resumptions of recorders elsewhere that were not confirmed.
    ControlFailures,
    /// Windows that wait for recognition.
    QueueWindows,
    /// Alerts raised, by kind and severity.
    Alerts,
    /// Tries to deliver to webhooks, by endpoint and result.
    WebhookDeliveries,
    /// What was not kept for a webhook, as too much waited.
    WebhookDropped,
    /// What waits to be delivered to webhooks.
    WebhookQueue,
    /// Calls put into the object store.
    ArchiveCalls,
    /// Tries to put calls there, or to delete them, that failed.
    ArchiveFailures,
    /// Calls that wait to be put there.
    ArchiveWaiting,
    /// Objects that wait to be deleted there.
    ArchiveLeaving,
}

/// How a metric moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Movement {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
}

impl Metric {
    /// All of them.
    pub const ALL: [Metric; 21] = [
        Metric::CallsBegun,
        Metric::CallsEnded,
        Metric::CallsActive,
        Metric::RecordingsFailed,
        Metric::Windows,
        Metric::WindowsLate,
        Metric::WindowsFailed,
        Metric::RecognitionSeconds,
        Metric::HiddenSeconds,
        Metric::LateSeconds,
        Metric::FailedSeconds,
        Metric::ControlFailures,
        Metric::QueueWindows,
        Metric::Alerts,
        Metric::WebhookDeliveries,
        Metric::WebhookDropped,
        Metric::WebhookQueue,
        Metric::ArchiveCalls,
        Metric::ArchiveFailures,
        Metric::ArchiveWaiting,
        Metric::ArchiveLeaving,
    ];

    /// Its name: area, what, unit.
    pub fn name(self) -> &'static str {
        match self {
            Metric::CallsBegun => "hushgate_calls_begun_total",
            Metric::CallsEnded => "hushgate_calls_ended_total",
            Metric::CallsActive => "hushgate_calls_active",
            Metric::RecordingsFailed => "hushgate_recordings_failed_total",
            Metric::Windows => "hushgate_recognition_windows_total",
            Metric::WindowsLate => "hushgate_recognition_windows_late_total",
            Metric::WindowsFailed => "hushgate_recognition_windows_failed_total",
            Metric::RecognitionSeconds => "hushgate_recognition_cpu_seconds_total",
            Metric::HiddenSeconds => "hushgate_audio_hidden_seconds_total",
            Metric::LateSeconds => "hushgate_audio_late_seconds_total",
            Metric::FailedSeconds => "hushgate_audio_failed_seconds_total",
            Metric::ControlFailures => "hushgate_recorder_control_failures_total",
            Metric::QueueWindows => "hushgate_recognition_queue_windows",
            Metric::Alerts => "hushgate_alerts_total",
            Metric::WebhookDeliveries => "hushgate_webhook_deliveries_total",
            Metric::WebhookDropped => "hushgate_webhook_dropped_total",
            Metric::WebhookQueue => "hushgate_webhook_queue_length",
            Metric::ArchiveCalls => "hushgate_archive_calls_total",
            Metric::ArchiveFailures => "hushgate_archive_failures_total",
            Metric::ArchiveWaiting => "hushgate_archive_waiting_calls",
            Metric::ArchiveLeaving => "hushgate_archive_leaving_objects",
        }
    }

    /// What it says, in words.
    pub fn help(self) -> &'static str {
        match self {
            Metric::CallsBegun => "Calls that began.",
            Metric::CallsEnded => "Calls that ended, by how.",
            Metric::CallsActive => "Calls under way.",
            Metric::RecordingsFailed => "Recordings that could not be begun, written or completed.",
            Metric::Windows => "Windows handed to recognition, of calls that ended.",
            Metric::WindowsLate => {
                "Windows whose answer came after it was needed, of calls that ended."
            }
            Metric::WindowsFailed => "Windows without a transcript, of calls that ended.",
            Metric::RecognitionSeconds => "Processor time of recognition, of calls that ended.",
            Metric::HiddenSeconds => "Seconds of audio hidden, by kind.",
            Metric::LateSeconds => {
                "Seconds of audio filled because they were not examined in time."
            }
            Metric::FailedSeconds => {
                "Seconds of audio filled because they could not be examined, by cause."
            }
            Metric::ControlFailures => {
                "Pauses and resumptions of recorders elsewhere that were not confirmed."
            }
            Metric::QueueWindows => "Windows that wait for recognition.",
            Metric::Alerts => "Alerts raised, by kind and severity.",
            Metric::WebhookDeliveries => "Tries to deliver to webhooks, by endpoint and result.",
            Metric::WebhookDropped => "Events not kept for a webhook, as too many waited.",
            Metric::WebhookQueue => "Events that wait to be delivered to webhooks.",
            Metric::ArchiveCalls => "Calls put into the object store.",
            Metric::ArchiveFailures => {
                "Tries to put calls into the object store, or to delete them there, that failed."
            }
            Metric::ArchiveWaiting => "Calls that wait to be put into the object store.",
            Metric::ArchiveLeaving => "Objects that wait to be deleted from the object store.",
        }
    }

    /// How it moves.
    pub fn movement(self) -> Movement {
        match self {
            Metric::CallsActive
            | Metric::QueueWindows
            | Metric::WebhookQueue
            | Metric::ArchiveWaiting
            | Metric::ArchiveLeaving => Movement::Gauge,
            _ => Movement::Counter,
        }
    }

    /// The name of its label, if it has one; of its first, if it has two.
    pub fn label(self) -> Option<&'static str> {
        match self {
            Metric::HiddenSeconds | Metric::Alerts => Some("kind"),
            Metric::FailedSeconds => Some("cause"),
            Metric::CallsEnded => Some("end"),
            Metric::WebhookDeliveries | Metric::WebhookDropped => Some("endpoint"),
            _ => None,
        }
    }

    /// The name of its second label, if it has two.
    pub fn second_label(self) -> Option<&'static str> {
        match self {
            Metric::Alerts => Some("severity"),
            Metric::WebhookDeliveries => Some("result"),
            _ => None,
        }
    }
}
