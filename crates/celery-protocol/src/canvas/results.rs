//! The results that a canvas promises, while their relations are still being made.

use crate::result::ResultTree;

/// Names a result in [`Results`].
pub(super) type Node = usize;

/// The results of a canvas. Freezing links them to each other again and again, so they live in one place.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Results(Vec<Entry>);

#[derive(Debug, Clone, PartialEq)]
struct Entry {
    id: String,
    parent: Option<Node>,
    /// Of a group.
    children: Option<Vec<Node>>,
}

impl Results {
    pub(super) fn task(&mut self, id: &str) -> Node {
        self.0.push(Entry { id: id.to_owned(), parent: None, children: None });
        self.0.len() - 1
    }

    pub(super) fn group(&mut self, id: &str, children: Vec<Node>) -> Node {
        self.0.push(Entry { id: id.to_owned(), parent: None, children: Some(children) });
        self.0.len() - 1
    }

    pub(super) fn id(&self, node: Node) -> &str {
        &self.0[node].id
    }

    pub(super) fn children(&self, node: Node) -> Option<&[Node]> {
        self.0[node].children.as_deref()
    }

    pub(super) fn parent(&self, node: Node) -> Option<Node> {
        self.0[node].parent
    }

    pub(super) fn set_parent(&mut self, node: Node, parent: Option<Node>) {
        self.0[node].parent = parent;
    }

    /// The first of a line of parents. A line is followed for as many steps as there are results, so that a circle,
    /// which Celery refuses, ends.
    pub(super) fn root(&self, node: Node) -> Node {
        let mut root = node;
        for _ in 0..self.0.len() {
            match self.parent(root) {
                Some(parent) => root = parent,
                None => break,
            }
        }
        root
    }

    /// The one in the line of parents of `node` whose parent is `parent`.
    pub(super) fn child_of(&self, node: Node, parent: Node) -> Option<Node> {
        let mut child = Some(node);
        for _ in 0..=self.0.len() {
            let this = child?;
            if self.parent(this) == Some(parent) {
                return Some(this);
            }
            child = self.parent(this);
        }
        None
    }

    /// The result with those it came from and those in it.
    pub(super) fn tree(&self, node: Node) -> ResultTree {
        let entry = &self.0[node];
        let tree = match &entry.children {
            None => ResultTree::task(&*entry.id),
            Some(children) => {
                ResultTree::group(&*entry.id, children.iter().map(|child| self.tree(*child)).collect())
            }
        };
        match entry.parent {
            Some(parent) => tree.with_parent(self.tree(parent)),
            None => tree,
        }
    }
}
