//! A model's graph and the graphs within it (branches, loops), each with what
//! it defines, so that a value's name leads to what gives it.
//!
//! What operators mean is known only as far as constants go: which nodes merely
//! pass one on. Which precision anything gets is not known here.

use std::collections::{HashMap, HashSet};

use crate::{
    Error,
    proto::{AttributeProto, AttributeType, DataLocation, GraphProto, ModelProto, NodeProto, TensorProto},
    read::INLINE_MAX,
};

/// A value: the graph that defines it, and its name there.
pub(super) type ValueId = (usize, String);

/// What gives a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Definition {
    Input,
    /// An initializer that no caller can replace.
    Constant(usize),
    /// A sparse one, or one that is an input too.
    Other,
    Node(usize),
}

/// Who takes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Use {
    Node { graph: usize, node: usize, input: usize },
    Output { graph: usize, output: usize },
}

/// The graphs of a model; the first is the model's own. A graph within a node is
/// taken out of it, and the node's attribute has its number instead.
#[derive(Clone, Debug)]
pub(super) struct Graphs {
    pub(super) model: ModelProto,
    pub(super) all: Vec<Scope>,
    names: HashSet<String>,
}

/// One graph.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    pub(super) graph: GraphProto,
    pub(super) parent: Option<usize>,
}

/// Who defines and who takes what.
pub(super) struct Index {
    definitions: Vec<HashMap<String, Definition>>,
    parents: Vec<Option<usize>>,
    pub(super) uses: HashMap<ValueId, Vec<Use>>,
}

impl Graphs {
    pub(super) fn new(mut model: ModelProto) -> Self {
        let graph = model.graph.take().unwrap_or_default();
        let mut graphs = Self { model, all: Vec::new(), names: HashSet::new() };
        graphs.take(graph, None);
        graphs
    }

    fn take(&mut self, graph: GraphProto, parent: Option<usize>) -> usize {
        let number = self.all.len();
        self.all.push(Scope { graph, parent });
        let mut nodes = std::mem::take(&mut self.all[number].graph.node);
        for node in &mut nodes {
            self.names.extend(node.input.iter().chain(&node.output).cloned());
            self.names.extend(node.name.clone());
            for attribute in &mut node.attribute {
                // What the attribute says that it is may differ from what it has.
                if let Some(graph) = attribute.g.take() {
                    attribute.r#type = Some(AttributeType::Graph as i32);
                    attribute.i = Some(self.take(*graph, Some(number)) as i64);
                } else if attribute.r#type() == AttributeType::Graph {
                    attribute.i = None;
                }
                let graphs = std::mem::take(&mut attribute.graphs);
                if !graphs.is_empty() && attribute.r#type() != AttributeType::Graph {
                    attribute.r#type = Some(AttributeType::Graphs as i32);
                }
                if attribute.r#type() == AttributeType::Graphs {
                    let numbers = graphs.into_iter().map(|graph| self.take(graph, Some(number)) as i64);
                    attribute.ints = numbers.collect();
                }
            }
        }
        let graph = &mut self.all[number].graph;
        hoist(&mut nodes, graph);
        graph.node = nodes;
        self.names.extend(graph.initializer.iter().map(|tensor| tensor.name().to_owned()));
        self.names.extend(graph.input.iter().chain(&graph.output).map(|value| value.name().to_owned()));
        number
    }

    /// The model again.
    pub(super) fn into_model(mut self) -> ModelProto {
        let mut graphs = std::mem::take(&mut self.all).into_iter().map(|scope| Some(scope.graph)).collect::<Vec<_>>();
        let mut model = self.model;
        model.graph = put_back(&mut graphs, 0);
        model
    }

    /// A name that nothing has yet: this one, or it with a number.
    pub(super) fn fresh(&mut self, name: &str) -> String {
        let mut fresh = name.to_owned();
        let mut number = 1;
        while !self.names.insert(fresh.clone()) {
            number += 1;
            fresh = format!("{name}_{number}");
        }
        fresh
    }

    /// Looks who defines and takes what.
    ///
    /// # Errors
    /// [`Error::Duplicate`] or [`Error::Unknown`].
    pub(super) fn index(&self) -> Result<Index, Error> {
        let mut definitions = Vec::with_capacity(self.all.len());
        for (number, scope) in self.all.iter().enumerate() {
            definitions.push(definitions_of(&scope.graph, number == 0)?);
        }
        let parents = self.all.iter().map(|scope| scope.parent).collect();
        let mut index = Index { definitions, parents, uses: HashMap::new() };
        for (number, scope) in self.all.iter().enumerate() {
            for (node_number, node) in scope.graph.node.iter().enumerate() {
                for (input, name) in node.input.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
                    let found = index.find(number, name).map(|(graph, _)| graph);
                    let unknown = || Error::Unknown { node: label(node), value: name.clone() };
                    let value = (found.ok_or_else(unknown)?, name.clone());
                    index.uses.entry(value).or_default().push(Use::Node { graph: number, node: node_number, input });
                }
            }
            for (output, info) in scope.graph.output.iter().enumerate() {
                let found = index.find(number, info.name()).map(|(graph, _)| graph);
                let unknown =
                    || Error::Unknown { node: "the graph's outputs".to_owned(), value: info.name().to_owned() };
                let value = (found.ok_or_else(unknown)?, info.name().to_owned());
                index.uses.entry(value).or_default().push(Use::Output { graph: number, output });
            }
        }
        Ok(index)
    }

    pub(super) fn node(&self, graph: usize, node: usize) -> &NodeProto {
        &self.all[graph].graph.node[node]
    }
}

impl Index {
    /// What a name stands for in a graph: its own values come before those of
    /// the graphs around it.
    pub(super) fn find(&self, graph: usize, name: &str) -> Option<(usize, Definition)> {
        let mut at = Some(graph);
        while let Some(graph) = at {
            if let Some(definition) = self.definitions[graph].get(name) {
                return Some((graph, *definition));
            }
            at = self.parents[graph];
        }
        None
    }

    pub(super) fn uses_of(&self, graph: usize, name: &str) -> &[Use] {
        self.uses.get(&(graph, name.to_owned())).map_or(&[], Vec::as_slice)
    }
}

/// What errors and reports call a node.
pub(super) fn label(node: &NodeProto) -> String {
    let name = Some(node.name()).filter(|name| !name.is_empty());
    name.or(node.output.first().map(String::as_str)).unwrap_or(node.op_type()).to_owned()
}

pub(super) fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|attribute| attribute.name() == name)
}

/// An attribute that is a number.
pub(super) fn int(node: &NodeProto, name: &str, default: i64) -> i64 {
    attribute(node, name).and_then(|attribute| attribute.i).unwrap_or(default)
}

/// The numbers of the graphs within a node.
pub(super) fn graphs_of(node: &NodeProto) -> impl Iterator<Item = usize> + '_ {
    node.attribute.iter().flat_map(|attribute| {
        let one = (attribute.r#type() == AttributeType::Graph).then_some(attribute.i).flatten();
        let many = (attribute.r#type() == AttributeType::Graphs).then_some(&attribute.ints);
        one.into_iter().chain(many.into_iter().flatten().copied()).map(|number| number as usize)
    })
}

fn definitions_of(graph: &GraphProto, outermost: bool) -> Result<HashMap<String, Definition>, Error> {
    let mut found = HashMap::new();
    for input in &graph.input {
        if found.insert(input.name().to_owned(), Definition::Input).is_some() {
            return Err(Error::Duplicate { name: input.name().to_owned() });
        }
    }
    for (number, tensor) in graph.initializer.iter().enumerate() {
        match found.insert(tensor.name().to_owned(), Definition::Constant(number)) {
            // A default that a caller may replace. Old exports list every weight so.
            Some(Definition::Input) if outermost => {}
            None => {}
            Some(_) => return Err(Error::Duplicate { name: tensor.name().to_owned() }),
        }
    }
    for tensor in &graph.sparse_initializer {
        let name = tensor.values.as_ref().map(|values| values.name().to_owned()).unwrap_or_default();
        if found.insert(name.clone(), Definition::Other).is_some() {
            return Err(Error::Duplicate { name });
        }
    }
    for (number, node) in graph.node.iter().enumerate() {
        for output in node.output.iter().filter(|output| !output.is_empty()) {
            if found.insert(output.clone(), Definition::Node(number)).is_some() {
                return Err(Error::Duplicate { name: output.clone() });
            }
        }
    }
    Ok(found)
}

/// Makes initializers of the nodes that hold a large tensor: those can be kept
/// in another file everywhere.
fn hoist(nodes: &mut Vec<NodeProto>, graph: &mut GraphProto) {
    nodes.retain_mut(|node| {
        if node.op_type() != "Constant" || !node.domain().is_empty() {
            return true;
        }
        let (Some(output), Some(attribute)) = (node.output.first(), node.attribute.first_mut()) else { return true };
        let large = |tensor: &TensorProto| {
            tensor.data_location == Some(DataLocation::External as i32)
                || crate::read::carried(tensor) as u64 > INLINE_MAX
        };
        if attribute.name() != "value" || !attribute.t.as_deref().is_some_and(large) {
            return true;
        }
        let Some(tensor) = attribute.t.take() else { return true };
        graph.initializer.push(TensorProto { name: Some(output.clone()), ..*tensor });
        false
    });
}

fn put_back(graphs: &mut [Option<GraphProto>], number: usize) -> Option<GraphProto> {
    let mut graph = graphs.get_mut(number)?.take()?;
    for attribute in graph.node.iter_mut().flat_map(|node| &mut node.attribute) {
        match attribute.r#type() {
            AttributeType::Graph => {
                let within = attribute.i.take().and_then(|number| put_back(graphs, number as usize));
                attribute.g = within.map(Box::new);
            }
            AttributeType::Graphs => {
                let numbers = std::mem::take(&mut attribute.ints);
                attribute.graphs = numbers.into_iter().filter_map(|n| put_back(graphs, n as usize)).collect();
            }
            _ => {}
        }
    }
    Some(graph)
}
