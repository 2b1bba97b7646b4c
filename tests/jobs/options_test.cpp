#include "options.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "base/error.h"
#include "idle_options.h"

namespace kohort::jobs {
namespace {

using testing::HasSubstr;

CommandLine parse(std::vector<const char*> words) {
    words.insert(words.begin(), "kohort");
    return parse_command_line(static_cast<int>(words.size()), words.data());
}

std::string refusal(std::vector<const char*> words) {
    try {
        parse(std::move(words));
    } catch (const base::Error& error) {
        EXPECT_EQ(error.exit_code(), 2);
        return error.what();
    }
    return "no error";
}

class ConfigFile : public testing::Test {
  protected:
    ConfigFile() : path_(std::filesystem::path(testing::TempDir()) / ("options_" + std::to_string(::getpid()) + ".conf")) {}
    ~ConfigFile() override { std::filesystem::remove(path_); }
    const char* write(const std::string& text) {
        std::ofstream(path_) << text;
        name_ = path_.string();
        return name_.c_str();
    }
    std::filesystem::path path_;
    std::string name_;
};

TEST(Options, a_default_holds_until_the_command_line_says_otherwise) {
    EXPECT_EQ(parse({"cluster"}).options->integer("iterations"), 100);
    EXPECT_EQ(parse({"cluster", "--iterations", "7"}).options->integer("iterations"), 7);
    EXPECT_EQ(parse({"cluster"}).options->integer_or_auto("clusters"), std::nullopt);
    EXPECT_EQ(parse({"cluster", "--clusters", "12"}).options->integer_or_auto("clusters"), 12);
}

using Numbers = std::vector<std::int64_t>;

TEST(Options, numbers_of_clusters_are_one_or_a_list_or_auto) {
    const auto numbers = [](const char* text) {
        return parse({"cluster", "--clusters", text}).options->integers_or_auto("clusters");
    };
    EXPECT_EQ(parse({"cluster"}).options->integers_or_auto("clusters"), Numbers());
    EXPECT_EQ(numbers("auto"), Numbers());
    EXPECT_EQ(numbers("12"), Numbers{12});
    EXPECT_EQ(numbers("32,8,16"), (Numbers{8, 16, 32}));
    EXPECT_EQ(numbers("1, 2 , 3"), (Numbers{1, 2, 3}));
}

TEST(Options, lists_that_mean_the_same_are_kept_as_the_same_text) {
    EXPECT_EQ(parse({"cluster", "--clusters", " 32, 8,16"}).options->text("clusters"), "8,16,32");
    EXPECT_EQ(parse({"cluster", "--clusters", "12"}).options->text("clusters"), "12");
}

TEST(Options, lists_with_what_is_no_number_of_clusters_are_refused) {
    for (const char* text : {"8,", ",8", "8,,9", "8;9", "8,x", "8,auto", "", ",", " ", "8 9", "1.5", "8,99999999999999999999"})
        EXPECT_THAT(refusal({"cluster", "--clusters", text}), HasSubstr("give a whole number")) << text;
    EXPECT_THAT(refusal({"cluster", "--clusters", "0"}), HasSubstr("give 1 to"));
    EXPECT_THAT(refusal({"cluster", "--clusters", "-3,8"}), HasSubstr("give 1 to"));
    EXPECT_THAT(refusal({"cluster", "--clusters", "8,9,8"}), HasSubstr("8 stands there twice"));
}

TEST(Options, a_switch_takes_an_optional_value) {
    EXPECT_FALSE(parse({"run"}).options->flag("resume"));
    EXPECT_TRUE(parse({"run", "--resume"}).options->flag("resume"));
    EXPECT_FALSE(parse({"run", "--resume", "false"}).options->flag("resume"));
    EXPECT_FALSE(parse({"encode", "--normalize=false"}).options->flag("normalize"));
}

TEST(Options, an_unknown_option_names_the_nearest) {
    EXPECT_THAT(refusal({"cluster", "--cluster", "3"}), HasSubstr("'clusters'"));
    EXPECT_THAT(refusal({"runn"}), HasSubstr("'run'"));
    EXPECT_THAT(refusal({"cluster", "--items", "x"}), HasSubstr("belongs to"));
}

TEST(Options, abbreviations_are_off) { EXPECT_THAT(refusal({"cluster", "--iter", "3"}), HasSubstr("unknown option")); }

TEST(Options, values_of_the_wrong_type_are_refused) {
    EXPECT_THAT(refusal({"cluster", "--iterations", "many"}), HasSubstr("whole number"));
    EXPECT_THAT(refusal({"finetune", "--temperature", "nan"}), HasSubstr("number"));
    EXPECT_THAT(refusal({"run", "--device", "gpu"}), HasSubstr("cuda"));
    EXPECT_THAT(refusal({"run", "--resume", "perhaps"}), HasSubstr("true or false"));
}

TEST_F(ConfigFile, the_command_line_overrides_the_file) {
    const auto* file = write("# a comment\nclusters = 5\niterations = 9\n");
    const auto line = parse({"cluster", "--config", file, "--clusters", "6"});
    EXPECT_EQ(line.options->integer_or_auto("clusters"), 6);
    EXPECT_EQ(line.options->integer("iterations"), 9);
}

TEST_F(ConfigFile, a_misspelt_key_names_file_and_nearest_key) {
    const std::string message = refusal({"run", "--config", write("clustres = 5\n")});
    EXPECT_THAT(message, HasSubstr("'clustres'"));
    EXPECT_THAT(message, HasSubstr("'clusters'"));
    EXPECT_THAT(message, HasSubstr(path_.string()));
}

TEST_F(ConfigFile, a_key_of_another_job_is_no_error) {
    EXPECT_EQ(parse({"cluster", "--config", write("users = 5\nseed = 3\n")}).options->integer("seed"), 3);
}

TEST(Options, a_missing_file_is_named) { EXPECT_THAT(refusal({"run", "--config", "/nowhere/x.conf"}), HasSubstr("/nowhere/x.conf")); }

TEST_F(ConfigFile, the_printed_configuration_runs_and_says_the_same) {
    const auto first = parse({"run", "--input", "a.csv", "b c.csv", "--clusters", "7", "--resume", "--separator", "、"});
    const auto text = first.options->as_config();
    const auto second = parse({"run", "--config", write(text)});
    EXPECT_EQ(second.options->as_config(), text);
    EXPECT_EQ(second.options->list("input"), (std::vector<std::string>{"a.csv", "b c.csv"}));
}

TEST(Options, another_default_gives_way_to_what_was_given) {
    auto options = *parse({"encode", "--pooling", "last"}).options;
    options.assume("pooling", "cls");
    options.assume("max-tokens", "256");
    EXPECT_EQ(options.text("pooling"), "last");
    EXPECT_EQ(options.integer("max-tokens"), 256);
    EXPECT_FALSE(options.given("max-tokens"));
    EXPECT_THROW(options.assume("pooling", "max"), base::Error);
}

TEST(IdleOptions, are_named_with_what_they_would_need) {
    const auto idle = [](std::vector<const char*> words) { return idle_options(*parse(std::move(words)).options); };
    using testing::ElementsAre;
    EXPECT_THAT(idle({"finetune", "--cooldown", "0.2", "--patience", "3", "--evaluate-every", "7"}),
                ElementsAre("--evaluate-every, --patience: without --held-out", "--cooldown: without --schedule wsd"));
    EXPECT_THAT(idle({"finetune", "--lora-alpha", "8", "--query-behavior", "find", "--category-column", "kind"}),
                ElementsAre("--lora-alpha: without --lora-rank", "--query-behavior: without --pairs query-item",
                            "--category-column: without --pairs title-category"));
    EXPECT_THAT(idle({"finetune", "--label-kind", "multi"}), ElementsAre("--label-kind: without --objective supervised"));
    EXPECT_THAT(idle({"finetune", "--objective", "supervised", "--pairs", "rest", "--temperature", "0.1", "--label-kind", "multi"}),
                ElementsAre("--pairs, --temperature: with --objective supervised there are no pairs"));
    EXPECT_THAT(idle({"finetune", "--pairs", "dropout", "--dropout", "0.1", "--drop-tokens", "0.9"}), ElementsAre(HasSubstr("--drop-tokens: --pairs dropout")));
    EXPECT_THAT(idle({"run", "--model", "m", "--steps", "50", "--pairs", "rest", "--clusters", "7", "--pooling", "cls"}),
                ElementsAre(testing::AllOf(HasSubstr("--steps"), HasSubstr("--pairs"), testing::Not(HasSubstr("--clusters")),
                                           testing::Not(HasSubstr("--pooling")), HasSubstr("nothing is trained"))));
    EXPECT_THAT(idle({"finetune", "--held-out", "0.1", "--patience", "3", "--schedule", "wsd", "--cooldown", "0.2", "--pairs", "rest",
                      "--left-out-weight", "0.5"}),
                ElementsAre());
    EXPECT_THAT(idle({"pretrain", "--cooldown", "0.1"}), ElementsAre()) << "it stands at its default";
}

TEST(OptionTable, names_each_option_once_and_only_known_jobs) {
    std::set<std::string> names, jobs = {"*"};
    for (const auto& job : job_table()) jobs.insert(job.name);
    for (const auto& spec : option_table()) {
        EXPECT_TRUE(names.insert(spec.name).second) << spec.name;
        std::istringstream words(spec.jobs);
        for (std::string word; words >> word;) EXPECT_TRUE(jobs.contains(word)) << spec.name << ": " << word;
    }
}

TEST(Configurations, every_committed_file_parses_for_the_main_job) {
    for (const auto& entry : std::filesystem::directory_iterator(KOHORT_SOURCE_DIR "/configs"))
        if (entry.path().extension() == ".conf") {
            EXPECT_NO_THROW(parse({"run", "--config", entry.path().c_str()})) << entry.path();
        }
}

}  // namespace
}  // namespace kohort::jobs
