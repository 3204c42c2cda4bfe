//! Moving refused messages to the dead-letter queue.

use futures::future::BoxFuture;

use crate::{
    failure::{BoxError, Failure, one_line},
    metadata::MessageMetadata,
    panics, span,
};

/// The longest reason and the longest description that Service Bus takes, in characters. (azure-sdk-for-net,
/// `AmqpReceiver.cs`: both are held to `Constants.MaxDeadLetterReasonLength`.)
const MAX_LENGTH: usize = 4_096;

/// What ends a text that was too long.
const ELLIPSIS: char = '…';

/// Moves refused messages to the dead-letter queue.
///
/// The Functions host offers a custom handler no way to do so: it completes or abandons. An implementation uses its
/// own Service Bus connection and [`MessageMetadata::lock_token`] (for entities without sessions), through the
/// management node's `com.microsoft:update-disposition` (Microsoft Learn, "AMQP 1.0 in Azure Service Bus:
/// request-response-based operations"). Once it has succeeded, the invocation succeeds; the host's own completion then
/// finds the lock gone, which it logs and does not count as a failure. `"autoCompleteMessages": false` in
/// `function.json` would avoid that line, and leave completing to the handler.
pub trait DeadLetter: Send + Sync + 'static {
    /// Moves the message of `function` that `metadata` belongs to. Neither `reason` nor `description` is longer than
    /// Service Bus allows.
    ///
    /// # Errors
    /// When the message could not be moved. The invocation then fails, so that the message returns to its queue.
    fn dead_letter<'a>(
        &'a self,
        function: &'a str,
        metadata: &'a MessageMetadata,
        reason: &'a str,
        description: &'a str,
    ) -> BoxFuture<'a, Result<(), BoxError>>;
}

/// Refuses a message; without a way to dead-letter it, the invocation fails.
pub(crate) async fn refuse(
    dead_letters: Option<&dyn DeadLetter>,
    function: &'static str,
    metadata: &MessageMetadata,
    reason: &str,
    description: &str,
) -> Result<(), Failure> {
    let (reason, description) = (shortened(reason), shortened(description));
    let Some(dead_letters) = dead_letters else {
        return Err(Failure::NoDeadLetter { reason, description });
    };
    let moved = async { dead_letters.dead_letter(function, metadata, &reason, &description).await };
    if let Err(source) = panics::caught(moved).await.map_err(Failure::Panic)? {
        return Err(Failure::DeadLetter { reason, description, source });
    }
    span::record_disposition("dead_letter");
    let message = metadata.message_id.as_deref().unwrap_or("without an id");
    let text = one_line(&format!("message {message} was dead-lettered ({reason}: {description})"));
    tracing::warn!(reason, "{text}");
    Ok(())
}

/// The text, cut to what Service Bus takes. It counts UTF-16 units, as .NET strings have them.
fn shortened(text: &str) -> String {
    if text.encode_utf16().count() <= MAX_LENGTH {
        return text.to_owned();
    }
    let mut length = ELLIPSIS.len_utf16();
    let kept = text.chars().take_while(|c| {
        length += c.len_utf16();
        length <= MAX_LENGTH
    });
    kept.chain([ELLIPSIS]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_to_what_service_bus_takes_and_says_so() {
        for text in [String::new(), "short".to_owned(), "é".repeat(4_096), "🦀".repeat(2_048)] {
            assert_eq!(shortened(&text), text);
        }
        for (unit, kept) in [("x", 4_095), ("é", 4_095), ("🦀", 2_047)] {
            let cut = shortened(&unit.repeat(5_000));
            assert_eq!(cut, unit.repeat(kept) + "…");
            assert!(cut.encode_utf16().count() <= MAX_LENGTH);
        }
    }
}
