// chaussette examples.flaskapp:app
//
// The Python program's examples/flaskapp.py, with Express in Flask's place.
import express from 'express';

export const app = express();

app.get('/', (_req, res) => {
  res.send('Hello World!');
});
