// Styles that a view brings along: the bundler loads them with its script.
declare module '*.css';
