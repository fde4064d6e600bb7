// uPlot asks Intl for the numbers of the browser's language when it is loaded, and fails where Intl does not know it, such as
// `en-US@posix` of a Linux whose language is not set. Imported before it.
try {
  Intl.getCanonicalLocales(navigator.language);
} catch {
  Object.defineProperty(navigator, 'language', { value: 'en-US' });
}
