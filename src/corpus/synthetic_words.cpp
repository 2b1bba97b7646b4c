#include "corpus/synthetic_words.h"

#include <array>

namespace kohort::corpus {
namespace {

using Words = std::array<std::string_view, 20>;

constexpr Words garden_zh = {"玫瑰", "花盆", "浇水", "阳台", "种子", "肥料", "修剪", "多肉", "绿萝", "兰花",
                             "土壤", "盆栽", "发芽", "园艺", "草坪", "嫁接", "月季", "虫害", "温室", "扦插"};
constexpr Words garden_en = {"garden", "roses", "watering", "seedling", "compost", "pruning", "balcony", "orchid", "soil", "planter",
                             "lawn", "tulip", "greenhouse", "fertilizer", "succulent", "trellis", "weeding", "mulch", "bulbs", "hedge"};
constexpr Words stars_zh = {"望远镜", "星空", "行星", "流星雨", "银河", "月食", "星云", "观星", "土星", "天文",
                            "彗星", "木星", "黑洞", "宇宙", "星座", "目镜", "火星", "赤道仪", "日食", "星图"};
constexpr Words stars_en = {"telescope", "planet", "meteor", "galaxy", "eclipse", "nebula", "stargazing", "saturn", "astronomy", "comet",
                            "jupiter", "orbit", "cosmos", "constellation", "eyepiece", "moonlight", "observatory", "asteroid", "starlight", "solar"};
constexpr Words chess_zh = {"象棋", "围棋", "开局", "残局", "棋谱", "棋盘", "对弈", "将军", "吃子", "定式",
                            "棋手", "布局", "让子", "死活", "和棋", "弃子", "棋子", "中盘", "收官", "马步"};
constexpr Words chess_en = {"chess", "opening", "endgame", "bishop", "knight", "checkmate", "gambit", "pawn", "castling", "board",
                            "grandmaster", "tactics", "queen", "stalemate", "sacrifice", "rook", "blunder", "puzzle", "clock", "defence"};
constexpr Words music_zh = {"吉他", "钢琴", "和弦", "乐谱", "琴弦", "音阶", "节拍器", "练琴", "小提琴", "指弹",
                            "鼓手", "乐队", "调音", "琴键", "贝斯", "音箱", "旋律", "尤克里里", "琴弓", "合奏"};
constexpr Words music_en = {"guitar", "piano", "chords", "violin", "melody", "strings", "metronome", "drummer", "scales", "tuning",
                            "ukulele", "sheet", "rehearsal", "bass", "fretboard", "amplifier", "rhythm", "cello", "practice", "quartet"};
constexpr Words baking_zh = {"烤箱", "面粉", "蛋糕", "酵母", "黄油", "饼干", "面团", "奶油", "烘焙", "吐司",
                             "模具", "曲奇", "发酵", "糖霜", "打发", "可颂", "揉面", "蛋挞", "裱花", "戚风"};
constexpr Words baking_en = {"baking", "flour", "sourdough", "butter", "oven", "cookies", "yeast", "dough", "frosting", "croissant",
                             "muffin", "kneading", "pastry", "whisk", "cupcake", "icing", "loaf", "crust", "vanilla", "rolling"};
constexpr Words pets_zh = {"猫咪", "狗粮", "猫砂", "幼犬", "遛狗", "宠物", "疫苗", "驱虫", "橘猫", "金毛",
                           "逗猫棒", "掉毛", "绝育", "猫抓板", "牵引绳", "训犬", "罐头", "柯基", "布偶", "喂食器"};
constexpr Words pets_en = {"kitten", "puppy", "litter", "leash", "grooming", "paws", "vaccine", "corgi", "whiskers", "kennel",
                           "feeding", "tabby", "retriever", "fetch", "collar", "shedding", "vet", "treats", "poodle", "purring"};
constexpr Words fishing_zh = {"钓鱼", "鱼竿", "鱼饵", "浮漂", "路亚", "鱼钩", "水库", "鲫鱼", "野钓", "渔线",
                              "鲈鱼", "打窝", "夜钓", "抄网", "海钓", "鱼护", "咬钩", "草鱼", "钓友", "蚯蚓"};
constexpr Words fishing_en = {"fishing", "lure", "bait", "trout", "reel", "angler", "casting", "tackle", "bass", "hook",
                              "reservoir", "wading", "carp", "float", "salmon", "minnow", "sinker", "pike", "creek", "catch"};
constexpr Words paint_zh = {"水彩", "油画", "素描", "画笔", "颜料", "写生", "画布", "调色", "临摹", "构图",
                            "国画", "画架", "色彩", "插画", "速写", "宣纸", "丙烯", "留白", "勾线", "画展"};
constexpr Words paint_en = {"watercolor", "canvas", "sketch", "brush", "palette", "easel", "portrait", "acrylic", "pigment", "charcoal",
                            "landscape", "drawing", "gouache", "studio", "shading", "mural", "pastel", "exhibition", "outline", "varnish"};

constexpr Words running_zh = {"跑步", "马拉松", "跑鞋", "配速", "心率", "晨跑", "半马", "拉伸", "步频", "夜跑",
                              "体能", "膝盖", "越野跑", "补给", "号码布", "冲刺", "慢跑", "耐力", "完赛", "热身"};
constexpr Words running_en = {"running", "marathon", "sneakers", "pace", "jogging", "sprint", "trail", "stretching", "cadence", "stamina",
                              "hydration", "finisher", "treadmill", "interval", "knee", "warmup", "stride", "endurance", "racing", "mileage"};
constexpr Words coffee_zh = {"咖啡", "拿铁", "手冲", "磨豆机", "拉花", "浓缩", "滤纸", "烘豆", "美式", "奶泡",
                             "咖啡豆", "冷萃", "摩卡壶", "虹吸", "挂耳", "杯测", "产地", "酸度", "萃取", "法压壶"};
constexpr Words coffee_en = {"coffee", "espresso", "latte", "grinder", "roast", "barista", "brew", "filter", "beans", "cappuccino",
                             "crema", "arabica", "kettle", "aroma", "tamper", "decaf", "macchiato", "portafilter", "acidity", "mocha"};
constexpr Words camera_zh = {"相机", "镜头", "快门", "光圈", "三脚架", "人像", "胶片", "滤镜", "对焦", "曝光",
                             "长焦", "广角", "后期", "虚化", "街拍", "单反", "微距", "测光", "暗房", "闪光灯"};
constexpr Words camera_en = {"camera", "lens", "shutter", "aperture", "tripod", "portraits", "exposure", "focus", "telephoto", "flash",
                             "bokeh", "darkroom", "macro", "raw", "viewfinder", "sensor", "filmroll", "zoom", "lightroom", "photo"};
constexpr Words camping_zh = {"露营", "帐篷", "睡袋", "徒步", "背包", "篝火", "登山杖", "营地", "炉头", "冲锋衣",
                              "天幕", "山顶", "防潮垫", "溪流", "头灯", "登顶", "扎营", "野餐", "吊床", "指南针"};
constexpr Words camping_en = {"camping", "tent", "sleeping", "hiking", "backpack", "campfire", "summit", "campsite", "stove", "compass",
                              "tarp", "ridge", "lantern", "creek", "headlamp", "hammock", "trail", "picnic", "poles", "wilderness"};

constexpr SyntheticInterest interests[] = {
    {"园艺爱好者", "在阳台种玫瑰和多肉，浇水、修剪、换土 (garden, roses, watering, pruning)", garden_zh, garden_en},
    {"天文迷", "用望远镜看星空、行星和流星雨 (telescope, planet, galaxy)", stars_zh, stars_en},
    {"棋类高手", "下象棋和围棋，研究开局与残局 (chess, opening, endgame)", chess_zh, chess_en},
    {"乐器玩家", "弹吉他、钢琴，练和弦与音阶 (guitar, piano, chords)", music_zh, music_en},
    {"烘焙达人", "用烤箱做蛋糕、面包和饼干 (baking, flour, oven)", baking_zh, baking_en},
    {"宠物主人", "养猫咪和狗，买狗粮、猫砂，打疫苗 (kitten, puppy, leash)", pets_zh, pets_en},
    {"钓鱼人", "去水库野钓，挑鱼竿、鱼饵和浮漂 (fishing, lure, bait, reel)", fishing_zh, fishing_en},
    {"绘画爱好者", "画水彩、油画和素描，出门写生 (watercolor, canvas, sketch)", paint_zh, paint_en},
    {"跑步健将", "晨跑、夜跑和马拉松，看配速与心率 (running, marathon, pace)", running_zh, running_en},
    {"咖啡控", "手冲、拿铁和磨豆，挑咖啡豆 (coffee, espresso, grinder)", coffee_zh, coffee_en},
    {"摄影师", "用相机和镜头拍人像，调光圈与快门 (camera, lens, shutter)", camera_zh, camera_en},
    {"露营玩家", "带帐篷和睡袋去徒步，在营地生篝火 (camping, tent, hiking)", camping_zh, camping_en}};

constexpr std::string_view common_zh[] = {"周末", "新手", "教程", "怎么选", "入门", "分享", "经验", "清单", "价格", "家里", "附近", "视频", "二手",
                                          "工具", "套装", "冬天", "夏天", "晚上", "春季", "秋天", "孩子", "朋友", "老师", "技巧", "常见", "错误",
                                          "推荐", "对比", "品牌", "入手", "简单", "高级", "准备", "时间", "颜色", "大小", "材料", "计划", "记录", "步骤"};
constexpr std::string_view common_en[] = {"weekend", "beginner", "guide", "choose", "review", "sharing", "tips", "list", "price", "home", "nearby",
                                          "video", "used", "tools", "kit", "winter", "summer", "evening", "spring", "autumn", "kids", "friends",
                                          "teacher", "tricks", "common", "mistakes", "compare", "brand", "starter", "simple", "advanced", "prepare",
                                          "time", "color", "size", "materials", "plan", "notes", "steps", "daily"};

}  // namespace

std::span<const SyntheticInterest> synthetic_interests() { return interests; }
std::span<const std::string_view> common_chinese_words() { return common_zh; }
std::span<const std::string_view> common_english_words() { return common_en; }

}  // namespace kohort::corpus
