// Reads a model's folder and saves its encoder to another: for checks of saved folders by programs that are not ours.
// Usage: resave_encoder FROM TO
#include <cstdio>

#include "base/error.h"
#include "model/encoder.h"
#include "model/pretrained.h"

int main(int count, char** arguments) {
    try {
        if (count != 3) kohort::base::fail(kohort::base::ErrorKind::usage, "usage: resave_encoder FROM TO");
        kohort::model::save_model(arguments[2], *kohort::model::load_encoder(arguments[1], false));
    } catch (const kohort::base::Error& error) {
        std::fprintf(stderr, "error: %s\n", error.what());
        return error.exit_code();
    }
    return 0;
}
