#include "segment/stop_words.h"

namespace kohort::segment {
namespace {

constexpr std::string_view words[] = {
    // Chinese: pronouns and demonstratives
    "我们", "你们", "他们", "她们", "它们", "咱们", "大家", "自己", "别人", "人家", "这个", "那个", "这些", "那些", "这样", "那样",
    "这么", "那么", "这里", "那里", "这边", "那边", "这种", "那种", "这次", "那次", "这是", "那是", "这款", "此次", "某些", "其他",
    "其它", "其中", "其实", "其余", "各种", "各位", "各个", "每个", "每天", "每次", "所有", "一切", "任何", "什么", "怎么", "怎样",
    "怎么样", "如何", "为何", "为什么", "哪里", "哪个", "哪些", "多少", "几个", "多么", "谁",
    // Chinese: conjunctions, prepositions, adverbs
    "因为", "所以", "因此", "由于", "于是", "但是", "但", "可是", "不过", "然而", "而且", "并且", "以及", "或者", "还是", "如果",
    "要是", "假如", "只要", "只有", "除非", "无论", "不管", "虽然", "尽管", "即使", "既然", "为了", "关于", "对于", "根据", "按照",
    "通过", "经过", "随着", "除了", "之后", "之前", "以后", "以前", "以来", "之间", "之一", "之中", "之外", "以上", "以下", "以内",
    "以外", "当时", "当中", "同时", "然后", "接着", "最后", "首先", "其次", "终于", "已经", "曾经", "正在", "将要", "即将", "刚刚",
    "马上", "立刻", "立即", "一直", "总是", "经常", "常常", "往往", "有时", "偶尔", "从来", "再次", "重新", "仍然", "仍", "依然",
    "还有", "还要", "还能", "还会", "就是", "就要", "只是", "只能", "只好", "都是", "都会", "都有", "也是", "也有", "也会", "不是",
    "不会", "不能", "不要", "不用", "不得", "不可", "不同", "不再", "不知", "没有", "没", "没什么", "是否", "能否", "可能", "可以",
    "可", "能够", "能", "应该", "应当", "必须", "需要", "想要", "打算", "非常", "十分", "特别", "尤其", "相当", "比较", "更加", "越来越",
    "最为", "极其", "太", "很", "挺", "真的", "真是", "实在", "确实", "的确", "当然", "大概", "也许", "或许", "似乎", "好像", "几乎",
    "差不多", "左右", "大约", "至少", "至今", "最多", "起来", "出来", "下来", "上来", "过来", "进来", "回来", "出去", "下去", "过去",
    "进去", "上去", "回去", "开始", "结束", "继续", "成为", "作为", "认为", "觉得", "感觉", "知道", "看到", "看见", "听到", "得到",
    "发现", "表示", "据说", "据悉", "称", "来自", "进行", "使用", "有点", "有些", "有的", "有人", "一些", "一个", "一种", "一下",
    "一点", "一样", "一般", "一次", "一定", "一起", "一共", "一旦", "一边", "一方面", "第一", "第二", "第三", "首次", "两个", "三个",
    "多个", "部分", "全部", "整个", "许多", "很多", "不少", "大量", "少数", "多数", "大多", "今天", "明天", "昨天", "今日", "明日",
    "昨日", "今年", "明年", "去年", "目前", "现在", "如今", "近日", "近期", "当前", "将", "时候", "时间", "地方", "东西", "事情",
    "问题", "情况", "方面", "原因", "结果", "样子", "方式", "方法", "内容", "图文", "组图", "视频", "哈哈", "呵呵", "嘻嘻", "哦", "吧", "吗",
    "不错", "很好", "不好", "还好", "还行", "还可以", "挺好", "满意", "喜欢", "推荐", "值得", "好评", "差评", "评价", "购买", "买的",
    "买了", "收到", "客服", "快递", "物流", "发货", "送货", "卖家", "商家", "包装", "质量", "价格", "便宜", "性价比", "京东", "网购",
    "商品", "产品", "宝贝", "总体", "总之", "总的来说", "个人", "朋友", "真", "好用", "一直", "希望", "下次", "以为", "感谢", "谢谢",
    // English
    "the", "and", "for", "with", "that", "this", "these", "those", "from", "into", "onto", "over", "under", "about", "above",
    "below", "between", "through", "during", "before", "after", "again", "then", "than", "once", "here", "there", "when",
    "where", "why", "how", "what", "which", "who", "whom", "whose", "all", "any", "both", "each", "few", "more", "most",
    "other", "others", "some", "such", "only", "own", "same", "too", "very", "just", "also", "but", "nor", "not", "yet",
    "are", "was", "were", "been", "being", "have", "has", "had", "having", "does", "did", "doing", "done", "can", "could",
    "may", "might", "must", "shall", "should", "will", "would", "you", "your", "yours", "she", "her", "hers", "him", "his",
    "its", "our", "ours", "they", "them", "their", "theirs", "myself", "yourself", "himself", "herself", "itself",
    "ourselves", "themselves", "out", "off", "per", "via", "upon", "against", "among", "because", "while", "although",
    "though", "unless", "until", "since", "whether", "either", "neither", "ever", "never", "always", "often", "sometimes",
    "now", "new", "old", "one", "two", "three", "first", "second", "last", "next", "get", "gets", "got", "make", "makes",
    "made", "use", "used", "uses", "using", "see", "way", "well", "much", "many", "like", "even", "still", "back", "good",
    "great", "best", "better", "really", "thing", "things", "lot", "etc", "www", "http", "https", "com", "org", "net",
    "html", "php", "page", "pages", "home", "site", "sites", "web", "website", "online", "information", "info", "article",
    "articles", "list", "free", "click", "search", "view", "read", "help", "contact", "copyright", "welcome", "news"};

}  // namespace

std::span<const std::string_view> built_in_stop_words() { return words; }

}  // namespace kohort::segment
