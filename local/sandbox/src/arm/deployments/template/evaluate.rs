//! The values of a template's expressions.

use std::cell::Cell;

use serde_json::{Map, Value, json};

use crate::arm::error::ArmError;
use crate::state::resources::deployment::{Template, Turn};

use super::expression::{self, Expression, Unreadable};
use super::scope::{Evaluate, Surroundings};
use super::{copy, functions, invalid, member, out_of_place, user_functions};

/// Deeper than any chain of variables: one that leads back to itself has an end here.
const DEEPEST: u32 = 64;

/// Reads resources while a deployment runs: by id or by name, the whole of it or its properties.
type References<'a> = &'a dyn Fn(&str, bool) -> Result<Value, ArmError>;

/// What expressions can see.
#[derive(Clone)]
pub(in crate::arm::deployments) struct Evaluator<'a> {
    template: &'a Template,
    surroundings: &'a Surroundings,
    parameters: &'a Map<String, Value>,
    /// None where nothing runs yet.
    references: Option<References<'a>>,
    /// The turns of loops that it is in, the innermost last.
    turns: Vec<Turn>,
    depth: Cell<u32>,
}

impl<'a> Evaluator<'a> {
    pub(in crate::arm::deployments) fn new(
        template: &'a Template,
        surroundings: &'a Surroundings,
        parameters: &'a Map<String, Value>,
    ) -> Self {
        Self { template, surroundings, parameters, references: None, turns: Vec::new(), depth: Cell::new(0) }
    }

    pub(super) fn with_parameters<'b>(&self, parameters: &'b Map<String, Value>) -> Evaluator<'b>
    where
        'a: 'b,
    {
        Evaluator { parameters, ..self.clone() }
    }

    pub(in crate::arm::deployments) fn with_references(self, references: References<'a>) -> Self {
        Self { references: Some(references), ..self }
    }

    /// As it sees things in one turn of a loop.
    pub(in crate::arm::deployments) fn in_turn(&self, turn: Turn) -> Self {
        let mut turns = self.turns.clone();
        turns.push(turn);
        Self { turns, ..self.clone() }
    }

    /// The loop of a resource: what it is called, and how often it goes round.
    pub(in crate::arm::deployments) fn loop_of(&self, copy: &Value) -> Result<(String, usize), ArmError> {
        copy::of_resource(copy, self)
    }

    /// As [`value`](Self::value), in a turn of a loop where one is given.
    pub(in crate::arm::deployments) fn value_in_turn(
        &self,
        turn: Option<&Turn>,
        value: &Value,
    ) -> Result<Value, ArmError> {
        self.value_in(turn.cloned(), value)
    }

    /// A value with every expression in it evaluated, names of members included.
    pub(in crate::arm::deployments) fn value(&self, value: &Value) -> Result<Value, ArmError> {
        match value {
            Value::String(text) => match read(text)? {
                Some(expression) => self.evaluate(&expression),
                None => Ok(json!(expression::literal(text))),
            },
            Value::Array(items) => items.iter().map(|item| self.value(item)).collect(),
            Value::Object(members) => {
                let mut evaluated = Map::new();
                for (name, value) in members {
                    match copy::loops(name, value) {
                        Some(loops) => evaluated.extend(copy::repeated(self, &loops)?),
                        None => {
                            let name = self.text(&json!(name), "the name of a member")?;
                            evaluated.insert(name, self.value(value)?);
                        }
                    }
                }
                Ok(Value::Object(evaluated))
            }
            plain => Ok(plain.clone()),
        }
    }

    /// As [`value`](Self::value), where only a text will do.
    pub(in crate::arm::deployments) fn text(&self, value: &Value, what: &str) -> Result<String, ArmError> {
        match self.value(value)? {
            Value::String(text) => Ok(text),
            other => Err(invalid(&format!("{what} has to be a text and not {other}"))),
        }
    }

    /// One level further, if there may be one.
    fn deeper<T>(&self, go: impl FnOnce() -> Result<T, ArmError>) -> Result<T, ArmError> {
        if self.depth.get() > DEEPEST {
            return Err(invalid("The template's variables or expressions lead back to themselves"));
        }
        self.depth.set(self.depth.get() + 1);
        let outcome = go();
        self.depth.set(self.depth.get() - 1);
        outcome
    }
}

impl Evaluate for Evaluator<'_> {
    fn evaluate(&self, expression: &Expression) -> Result<Value, ArmError> {
        self.deeper(|| match expression {
            Expression::Text(text) => Ok(json!(text)),
            Expression::Number(number) => Ok(json!(number)),
            Expression::Part { of, name } => {
                self.evaluate(of).and_then(|of| self.evaluate(name).and_then(|name| part(&of, &name)))
            }
            Expression::Call { function, arguments } => functions::call(self, function, arguments),
        })
    }

    fn parameter(&self, name: &str) -> Result<Value, ArmError> {
        member(self.parameters, name).cloned().ok_or_else(|| {
            invalid(&format!(
                "The template parameter '{name}' is not found. Please see https://aka.ms/arm-syntax-parameters for usage \
                 details."
            ))
        })
    }

    fn variable(&self, name: &str) -> Result<Value, ArmError> {
        if let Some(repeated) = copy::variable(self, &self.template.variables, name)? {
            return Ok(repeated);
        }
        let variable = member(&self.template.variables, name).ok_or_else(|| {
            invalid(&format!(
                "The template variable '{name}' is not found. Please see https://aka.ms/arm-syntax-variables for usage \
                 details."
            ))
        })?;
        self.value(variable)
    }

    fn reference(&self, resource: &str, whole: bool) -> Result<Value, ArmError> {
        match self.references {
            Some(look) => look(resource, whole),
            None => Err(out_of_place("reference")),
        }
    }

    fn value_in(&self, turn: Option<Turn>, value: &Value) -> Result<Value, ArmError> {
        match turn {
            Some(turn) => self.in_turn(turn).value(value),
            None => self.value(value),
        }
    }

    fn turns(&self) -> usize {
        self.turns.len()
    }

    fn turn(&self, of: Option<&str>) -> Option<usize> {
        let wanted = |turn: &&Turn| of.is_none_or(|name| turn.name.eq_ignore_ascii_case(name));
        self.turns.iter().rev().find(wanted).map(|turn| turn.index)
    }

    fn call_own(&self, function: &str, values: Vec<Value>) -> Result<Value, ArmError> {
        let own =
            self.template.functions.get(&function.to_ascii_lowercase()).ok_or_else(|| no_such(function))?;
        let parameters = user_functions::parameters(function, own, values)?;
        let nothing_else = Template { functions: self.template.functions.clone(), ..Template::default() };
        let inside = Evaluator::new(&nothing_else, self.surroundings, &parameters);
        inside.depth.set(self.depth.get());
        inside.deeper(|| inside.value(&user_functions::output(own)))
    }

    fn surroundings(&self) -> &Surroundings {
        self.surroundings
    }
}

fn no_such(function: &str) -> ArmError {
    invalid(&format!(
        "The template function '{function}' is not valid. Please see https://aka.ms/arm-functions for usage details."
    ))
}

/// A part of an object by its name, or of an array by its number.
fn part(of: &Value, name: &Value) -> Result<Value, ArmError> {
    let found = match (of, name) {
        (Value::Object(members), Value::String(name)) => {
            return member(members, name).cloned().ok_or_else(|| {
                let there: Vec<&str> = members.keys().map(String::as_str).collect();
                invalid(&format!(
                    "The language expression property '{name}' doesn't exist, available properties are '{}'.",
                    there.join(", ")
                ))
            });
        }
        (Value::Array(items), Value::Number(number)) => {
            number.as_u64().and_then(|number| items.get(usize::try_from(number).ok()?))
        }
        _ => None,
    };
    found.cloned().ok_or_else(|| {
        // Our guess: the words.
        invalid(&format!("The language expression property {name} doesn't exist in what it is taken from"))
    })
}

fn read(text: &str) -> Result<Option<Expression>, ArmError> {
    let inside = text.trim_matches(['[', ']']);
    expression::of_text(text).map_err(|why| match why {
        Unreadable::Float { position } => invalid(&format!(
            "The language expression '{inside}' at position '{position}' is not valid: float point numbers are not \
             supported."
        )),
        Unreadable::Other(why) => {
            invalid(&format!("Unable to parse language expression '{inside}': {why}"))
        }
    })
}

/// Every call in a value: the function's name, and its first argument when that can be known without any other resource.
fn calls_in(value: &Value, evaluator: &Evaluator<'_>) -> Result<Vec<(String, Option<String>)>, ArmError> {
    let mut found = Vec::new();
    match value {
        Value::String(text) => {
            for (function, arguments) in read(text)?.iter().flat_map(Expression::calls) {
                let first = arguments.first().and_then(|first| match first {
                    Expression::Text(text) => Some(text.clone()),
                    other => evaluator.evaluate(other).ok()?.as_str().map(str::to_owned),
                });
                found.push((function.to_owned(), first));
            }
        }
        Value::Array(items) => {
            for item in items {
                found.extend(calls_in(item, evaluator)?);
            }
        }
        Value::Object(members) => {
            for (name, item) in members {
                found.extend(calls_in(&json!(name), evaluator)?);
                found.extend(calls_in(item, evaluator)?);
            }
        }
        _ => {}
    }
    Ok(found)
}

/// The parameters that a value is made of.
pub(super) fn parameters_in(value: &Value, evaluator: &Evaluator<'_>) -> Result<Vec<String>, ArmError> {
    let calls = calls_in(value, evaluator)?.into_iter();
    Ok(calls
        .filter(|(function, _)| function.eq_ignore_ascii_case("parameters"))
        .filter_map(|(_, name)| name)
        .collect())
}

/// Refuses a value that could never be evaluated: a function that there is not, a parameter or variable that is not
/// declared. Gives the resources that it will have to be read for.
pub(in crate::arm::deployments) fn check(
    value: &Value,
    evaluator: &Evaluator<'_>,
) -> Result<Vec<String>, ArmError> {
    let mut needed = Vec::new();
    for (function, first) in calls_in(value, evaluator)? {
        match function.contains('.') {
            true if evaluator.template.functions.contains_key(&function.to_ascii_lowercase()) => continue,
            true => return Err(no_such(&function)),
            false => functions::check_name(&function)?,
        }
        match (function.to_ascii_lowercase().as_str(), first) {
            ("parameters", Some(name)) => drop(evaluator.parameter(&name)?),
            ("variables", Some(name)) => {
                let variable = copy::declared(&evaluator.template.variables, &name);
                let variable = variable.map_or_else(|| evaluator.variable(&name), Ok)?;
                needed.extend(evaluator.deeper(|| check(&variable, evaluator))?);
            }
            ("reference", Some(resource)) => needed.push(resource),
            _ => {}
        }
    }
    Ok(needed)
}
