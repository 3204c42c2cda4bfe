//! Entities declared in a JSON file, in the shape of the `Config.json` of Microsoft's Service Bus emulator, so that one
//! file serves both (Microsoft Learn, "Overview of the Azure Service Bus emulator"; the sample file is in
//! Azure/azure-service-bus-emulator-installer).
//!
//! The sample has comments, so these are read over. Nothing else is passed over: what is unknown, out of range or not supported is refused with its path.

mod comments;
mod duration;
mod file;

use crate::declared;
use crate::options::{Options, QueueOptions, TopicOptions};
use crate::start_error::StartError;

const NAMESPACE: &str = "UserConfig.Namespaces[0]";

/// Why a file declares nothing.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct ConfigurationError {
    /// Where in the file, like `UserConfig.Namespaces[0].Queues[2].Properties.LockDuration`; `.` for all of it.
    pub path: String,
    /// What is wrong there.
    pub reason: String,
}

/// What a file declares: the entities of one namespace.
#[derive(Debug, Clone, Default)]
pub struct Configuration {
    /// The name of the namespace. This broker has one namespace, whatever its name.
    pub namespace: String,
    /// The queues.
    pub queues: Vec<QueueOptions>,
    /// The topics, with their subscriptions.
    pub topics: Vec<TopicOptions>,
}

impl Configuration {
    /// Reads the text of a file. What it does not mention has Azure's defaults.
    ///
    /// # Errors
    /// When it is not JSON, or declares something that cannot be or that this broker does not have.
    pub fn from_json(text: &str) -> Result<Self, ConfigurationError> {
        let text = comments::blank(text)?;
        let mut json = serde_json::Deserializer::from_str(&text);
        let file: file::File = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            ConfigurationError { path: error.path().to_string(), reason: error.inner().to_string() }
        })?;
        json.end().map_err(|error| ConfigurationError { path: ".".to_owned(), reason: error.to_string() })?;
        let configuration = file.into_configuration()?;
        let Self { queues, topics, .. } = configuration.clone();
        declared::check(&Options { queues, topics, ..Options::default() }).map_err(|error| {
            let path = configuration.locate(&error);
            ConfigurationError { path, reason: error.to_string() }
        })?;
        Ok(configuration)
    }

    /// Where in the file the entity is declared that an error is about. Of those with one name, it is the last.
    fn locate(&self, error: &StartError) -> String {
        let (wanted, field) = match error {
            StartError::Name(path) => (path, "Name"),
            StartError::ForwardTarget { entity, .. } | StartError::SessionsForwarded(entity) => {
                (entity, "Properties")
            }
            _ => return ".".to_owned(),
        };
        let mut found = NAMESPACE.to_owned();
        for (index, _) in self.queues.iter().enumerate().filter(|(_, queue)| queue.name == *wanted) {
            found = format!("{NAMESPACE}.Queues[{index}].{field}");
        }
        for (index, topic) in self.topics.iter().enumerate() {
            let place = format!("{NAMESPACE}.Topics[{index}]");
            if topic.name == *wanted {
                found = format!("{place}.{field}");
            }
            for (index, subscription) in topic.subscriptions.iter().enumerate() {
                if *wanted == format!("{}/Subscriptions/{}", topic.name, subscription.name) {
                    found = format!("{place}.Subscriptions[{index}].{field}");
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests;
