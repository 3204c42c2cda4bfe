//! Turns AMQP error conditions, statuses and the AMQP library's errors into [`ServiceBusError`].
//!
//! The conditions are those that Microsoft's SDKs map (azure-sdk-for-net, AmqpClientConstants.cs and
//! AmqpExceptionHelper.cs; Microsoft Learn, "Azure Service Bus messaging exceptions").

use std::time::Duration;

use fe2o3_amqp::{
    connection::{ConnectionStopReason, OpenError},
    link::{
        LinkStateError, MessageSizeExceeded, ReceiverAttachError, RecvError, SendError, SenderAttachError,
        SessionStopReason,
    },
    session::BeginError,
};
use fe2o3_amqp_types::definitions::{self, ErrorCondition};
use serde_amqp::primitives::Symbol;

use crate::error::ServiceBusError;

/// How long Microsoft's SDKs leave a busy service alone.
const BUSY_PAUSE: Duration = Duration::from_secs(10);

/// The error for an AMQP condition.
pub(crate) fn from_condition(condition: &str, description: &str) -> ServiceBusError {
    let description = description.to_owned();
    match condition {
        "amqp:not-found" | "amqp:resource-deleted" => ServiceBusError::EntityNotFound { description },
        "amqp:unauthorized-access" | "com.microsoft:auth-failed" => {
            ServiceBusError::Unauthorized { description }
        }
        "com.microsoft:entity-disabled" => ServiceBusError::EntityDisabled { description },
        "com.microsoft:message-lock-lost" | "com.microsoft:session-lock-lost" => {
            ServiceBusError::LockLost { description }
        }
        "com.microsoft:message-not-found" => ServiceBusError::MessageNotFound { description },
        "amqp:link:message-size-exceeded" => ServiceBusError::TooLarge { description },
        "amqp:resource-limit-exceeded" => ServiceBusError::QuotaExceeded { description },
        "com.microsoft:server-busy" => ServiceBusError::ServerBusy { retry_after: BUSY_PAUSE, description },
        "com.microsoft:argument-error"
        | "com.microsoft:argument-out-of-range"
        | "amqp:invalid-field"
        | "amqp:decode-error" => ServiceBusError::InvalidArgument { description },
        "com.microsoft:timeout"
        | "com.microsoft:operation-cancelled"
        | "amqp:internal-error"
        | "amqp:connection:forced"
        | "amqp:connection:framing-error"
        | "amqp:connection:redirect"
        | "amqp:link:detach-forced"
        | "amqp:link:redirect" => {
            ServiceBusError::ConnectionLost { description: format!("{condition}: {description}") }
        }
        _ => ServiceBusError::Refused { condition: condition.to_owned(), description },
    }
}

/// The error for the status of a request, with its condition if it has one.
pub(crate) fn from_status(status: i32, condition: Option<&str>, description: &str) -> ServiceBusError {
    if let Some(condition) = condition {
        return from_condition(condition, description);
    }
    let description = description.to_owned();
    match status {
        400 => ServiceBusError::InvalidArgument { description },
        401 | 403 => ServiceBusError::Unauthorized { description },
        404 => ServiceBusError::EntityNotFound { description },
        410 => ServiceBusError::LockLost { description },
        429 | 503 => ServiceBusError::ServerBusy { retry_after: BUSY_PAUSE, description },
        408 | 500 | 502 | 504 => {
            ServiceBusError::ConnectionLost { description: format!("{status}: {description}") }
        }
        _ => ServiceBusError::Refused { condition: status.to_string(), description },
    }
}

/// The connection could not be opened.
pub(crate) fn from_open(address: &str, error: OpenError) -> ServiceBusError {
    match error {
        OpenError::RemoteClosedWithError(error) => from_definition(&error),
        other => ServiceBusError::Unreachable { address: address.to_owned(), source: Box::new(other) },
    }
}

/// A session could not be begun.
pub(crate) fn from_begin(error: BeginError) -> ServiceBusError {
    match error {
        BeginError::RemoteEndedWithError(error) => from_definition(&error),
        BeginError::ConnectionStopped(reason) => from_connection_stop(&reason),
        other => lost(other),
    }
}

/// A sending link could not be attached.
pub(crate) fn from_attach_sender(error: SenderAttachError) -> ServiceBusError {
    match error {
        SenderAttachError::RemoteClosedWithError(error) => from_definition(&error),
        SenderAttachError::SessionStopped(reason) => from_session_stop(&reason),
        other => lost(other),
    }
}

/// A receiving link could not be attached.
pub(crate) fn from_attach_receiver(error: ReceiverAttachError) -> ServiceBusError {
    match error {
        ReceiverAttachError::RemoteClosedWithError(error) => from_definition(&error),
        ReceiverAttachError::SessionStopped(reason) => from_session_stop(&reason),
        other => lost(other),
    }
}

/// A message could not be sent.
pub(crate) fn from_send(error: SendError) -> ServiceBusError {
    match error {
        SendError::LinkStateError(error) => from_link_state(error),
        SendError::Detached(error) => from_link_state(error.into()),
        SendError::MessageSizeExceeded(MessageSizeExceeded { size, max_size }) => {
            ServiceBusError::TooLarge { description: format!("{size} bytes, the entity takes {max_size}") }
        }
        SendError::MessageEncodeError => {
            ServiceBusError::InvalidArgument { description: "the message cannot be encoded".to_owned() }
        }
        other @ (SendError::NonTerminalDeliveryState | SendError::IllegalDeliveryState) => {
            ServiceBusError::Protocol { description: other.to_string() }
        }
    }
}

/// A receiving link ended.
pub(crate) fn from_receive(error: RecvError) -> ServiceBusError {
    match error {
        RecvError::LinkStateError(error) => from_link_state(error),
        RecvError::MessageSizeExceeded(MessageSizeExceeded { size, max_size }) => {
            ServiceBusError::TooLarge { description: format!("{size} bytes, the link takes {max_size}") }
        }
        other @ (RecvError::TransferLimitExceeded
        | RecvError::DeliveryIdIsNone
        | RecvError::DeliveryTagIsNone
        | RecvError::MessageDecode(_)
        | RecvError::IllegalRcvSettleModeInTransfer
        | RecvError::InconsistentFieldInMultiFrameDelivery
        | RecvError::TransactionalAcquisitionIsNotImeplemented) => {
            ServiceBusError::Protocol { description: other.to_string() }
        }
    }
}

pub(crate) fn from_definition(error: &definitions::Error) -> ServiceBusError {
    from_condition(
        &condition_text(&error.condition),
        error.description.as_deref().unwrap_or("no description"),
    )
}

fn condition_text(condition: &ErrorCondition) -> String {
    let symbol = match condition {
        ErrorCondition::AmqpError(error) => Symbol::from(error),
        ErrorCondition::ConnectionError(error) => Symbol::from(error),
        ErrorCondition::SessionError(error) => Symbol::from(error),
        ErrorCondition::LinkError(error) => Symbol::from(error),
        ErrorCondition::Custom(symbol) => symbol.clone(),
    };
    symbol.into_inner()
}

fn from_link_state(error: LinkStateError) -> ServiceBusError {
    match error {
        LinkStateError::RemoteDetachedWithError(error) | LinkStateError::RemoteClosedWithError(error) => {
            from_definition(&error)
        }
        LinkStateError::SessionStopped(reason) => from_session_stop(&reason),
        other => lost(other),
    }
}

fn from_session_stop(reason: &SessionStopReason) -> ServiceBusError {
    match reason {
        SessionStopReason::RemoteEndedWithError(error) => from_definition(error),
        SessionStopReason::ConnectionStopped(reason) => from_connection_stop(reason),
        SessionStopReason::Ended | SessionStopReason::EndedWithError(_) | SessionStopReason::RemoteEnded => {
            ServiceBusError::ConnectionLost { description: format!("session stopped: {reason:?}") }
        }
    }
}

/// A connection that ended has always to be opened again, whatever its last words; they are kept for the reader.
fn from_connection_stop(reason: &ConnectionStopReason) -> ServiceBusError {
    let description = match reason {
        ConnectionStopReason::Closed => "closed here".to_owned(),
        ConnectionStopReason::RemoteClosed => "closed by the other side".to_owned(),
        ConnectionStopReason::ClosedWithError(error) | ConnectionStopReason::RemoteClosedWithError(error) => {
            let words = error.description.as_deref().unwrap_or("no description");
            format!("{}: {words}", condition_text(&error.condition))
        }
    };
    ServiceBusError::ConnectionLost { description }
}

fn lost(error: impl std::fmt::Display) -> ServiceBusError {
    ServiceBusError::ConnectionLost { description: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variant(error: &ServiceBusError) -> String {
        let text = format!("{error:?}");
        text.split([' ', '(']).next().unwrap_or_default().to_owned()
    }

    #[test]
    fn what_cannot_be_received_is_not_taken_for_a_lost_link() {
        let too_large = RecvError::MessageSizeExceeded(MessageSizeExceeded { size: 11, max_size: 10 });
        let error = from_receive(too_large);
        assert_eq!(variant(&error), "TooLarge");
        assert!(!error.is_transient(), "it would come again for ever");
        assert_eq!(variant(&from_receive(RecvError::DeliveryTagIsNone)), "Protocol");
    }

    #[test]
    fn conditions_become_variants() {
        let table = [
            ("amqp:not-found", "EntityNotFound"),
            ("amqp:unauthorized-access", "Unauthorized"),
            ("com.microsoft:auth-failed", "Unauthorized"),
            ("com.microsoft:entity-disabled", "EntityDisabled"),
            ("com.microsoft:message-lock-lost", "LockLost"),
            ("com.microsoft:message-not-found", "MessageNotFound"),
            ("amqp:link:message-size-exceeded", "TooLarge"),
            ("amqp:resource-limit-exceeded", "QuotaExceeded"),
            ("com.microsoft:server-busy", "ServerBusy"),
            ("com.microsoft:argument-error", "InvalidArgument"),
            ("com.microsoft:argument-out-of-range", "InvalidArgument"),
            ("com.microsoft:timeout", "ConnectionLost"),
            ("amqp:internal-error", "ConnectionLost"),
            ("amqp:link:detach-forced", "ConnectionLost"),
            ("amqp:connection:forced", "ConnectionLost"),
            ("com.microsoft:something-new", "Refused"),
        ];
        for (condition, expected) in table {
            assert_eq!(variant(&from_condition(condition, "words")), expected, "{condition}");
        }
    }

    #[test]
    fn statuses_become_variants_when_there_is_no_condition() {
        let table = [
            (400, "InvalidArgument"),
            (401, "Unauthorized"),
            (404, "EntityNotFound"),
            (408, "ConnectionLost"),
            (410, "LockLost"),
            (418, "Refused"),
            (500, "ConnectionLost"),
            (503, "ServerBusy"),
        ];
        for (status, expected) in table {
            assert_eq!(variant(&from_status(status, None, "words")), expected, "{status}");
        }
        let named = from_status(404, Some("com.microsoft:message-not-found"), "words");
        assert_eq!(variant(&named), "MessageNotFound");
    }

    #[test]
    fn the_words_of_the_service_are_kept() {
        let error = from_condition("amqp:not-found", "The messaging entity 'x' could not be found.");
        assert!(error.to_string().contains("'x'"), "{error}");
        let stopped =
            from_connection_stop(&ConnectionStopReason::RemoteClosedWithError(definitions::Error::new(
                definitions::ConnectionError::ConnectionForced,
                Some("going down".to_owned()),
                None,
            )));
        assert_eq!(stopped.to_string(), "the connection was lost: amqp:connection:forced: going down");
    }
}
