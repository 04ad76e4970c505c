"""What `python -m mnist_graph` says: which programs there are."""

PROGRAMS = {
    'main': 'trains the graph, tests it, and predicts a picture',
    'predict': 'reads the digits in pictures',
    'evaluate': 'measures how good a trained model is',
    'show': 'looks at the data',
    'sweep': 'searches hyperparameters',
    'serve': 'serves a page to draw on, and reads pictures for programs',
    'run_tf1': 'runs a script that was written for TensorFlow 1',
}

if __name__ == '__main__':
    print('Give the name of one of the programs; --help after it lists its flags.\n')
    for name, does in PROGRAMS.items():
        print(f'python -m mnist_graph.{name:<10}{does}')
