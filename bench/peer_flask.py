"""peer_flask.py: the usual way to serve such a model in Python: Flask under gunicorn, with scikit-learn's
unigram tf-idf and logistic regression. Runs in build/venv, never imported by bench.py.

    peer_flask.py DATA MODEL       trains the model
    MODEL=.. gunicorn peer_flask:app"""
import os, pickle, sys

if __name__ == "__main__":
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from peers import read_tsv
    texts, labels = read_tsv(sys.argv[1])
    with open(sys.argv[2], "wb") as f:
        pickle.dump(make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=1000)).fit(texts, labels), f)
else:
    from flask import Flask, jsonify, request
    app = Flask(__name__)
    with open(os.environ["MODEL"], "rb") as f:
        pipeline = pickle.load(f)

    @app.post("/predict")
    def predict():
        p = pipeline.predict_proba([request.get_json()["text"]])[0]
        best = int(p.argmax())
        return jsonify(prediction=str(pipeline.classes_[best]), confidence=float(p[best]),
                       probabilities={str(k): float(v) for k, v in zip(pipeline.classes_, p)})
